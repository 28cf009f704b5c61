import { type FileHandle, open } from 'node:fs/promises';
import pRetry from 'p-retry';
import { S3mini, S3ServiceError } from 's3mini';
import { Agent, fetch } from 'undici';
import { z } from 'zod';
import { DomainError } from '../../commands/domain-error';
import type { Storage } from './storage';

export interface S3Place {
  readonly name: string;
  /** URL of the service, without the bucket: addresses are of the form endpoint/bucket/key. */
  readonly endpoint: string;
  readonly region: string;
  readonly bucket: string;
  readonly prefix: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** Parts of an upload: 10,000 are allowed, so files up to 156 GiB, and two are in memory at most. */
const PART_BYTES = 16 * 1024 ** 2;
const CONNECT_MS = 5_000;
/** For an answer to begin, or to go on, after what was sent. */
const ANSWER_MS = 60_000;
const RETRIES = 2;
const RETRY_MS = 500;

const CURES: Readonly<Record<string, string>> = {
  NoSuchBucket: 'create the bucket, or correct its name',
  NoSuchKey: 'the object was deleted or moved; delete the backup',
  InvalidAccessKeyId: 'correct the access key id',
  SignatureDoesNotMatch: 'correct the secret access key',
  AccessDenied: 'allow this key to list, read, write and delete objects in the bucket',
  AuthorizationHeaderMalformed: 'correct the region',
  RequestTimeTooSkewed: 'set the clock of this node right',
};
const STATUS_CODES: Readonly<Record<number, string>> = { 403: 'AccessDenied', 404: 'NoSuchKey' };

function serviceCode(error: S3ServiceError): string {
  const inBody = /<Code>([A-Za-z]{1,64})<\/Code>/.exec(error.body ?? '')?.[1];
  const known = error.serviceCode === 'Unknown' ? undefined : error.serviceCode;
  return known ?? inBody ?? STATUS_CODES[error.status] ?? `HTTP ${error.status}`;
}

/** Never the answer itself: it may repeat what was signed. */
function reasonOf(error: unknown): string {
  if (error instanceof S3ServiceError) {
    const code = serviceCode(error);
    return CURES[code] === undefined ? `it answered ${code}` : `${code}: ${CURES[code]}`;
  }
  if (!(error instanceof Error)) return String(error);
  const inner = error instanceof AggregateError ? (error.errors[0] as unknown) : error.cause;
  return inner instanceof Error ? reasonOf(inner) : error.message;
}

const isPermanent = (error: unknown): boolean => error instanceof S3ServiceError && error.status < 500;

/** Buckets of S3, or of what speaks like it, over signed requests. Call `close` when done. */
export function createS3Storage(place: S3Place): Storage & { close(): Promise<void> } {
  const agent = new Agent({ connect: { timeout: CONNECT_MS }, headersTimeout: ANSWER_MS, bodyTimeout: ANSWER_MS });
  const request = (input: unknown, init: unknown) =>
    fetch(input as string, { ...(init as object), redirect: 'error', dispatcher: agent });
  const client = new S3mini({
    endpoint: `${place.endpoint.replace(/\/+$/, '')}/${place.bucket}`,
    region: place.region,
    accessKeyId: place.accessKeyId,
    secretAccessKey: place.secretAccessKey,
    fetch: request as unknown as typeof globalThis.fetch,
  });
  const keyOf = (name: string): string => place.prefix + name;

  /** One request, tried again where that can help. @throws DomainError backup_unavailable */
  async function ask<T>(what: string, run: () => Promise<T>): Promise<T> {
    try {
      return await pRetry(run, {
        retries: RETRIES,
        minTimeout: RETRY_MS,
        shouldRetry: ({ error }) => !isPermanent(error),
      });
    } catch (error) {
      throw new DomainError('backup_unavailable', `${place.name} (${place.bucket}) cannot ${what}: ${reasonOf(error)}`);
    }
  }

  async function uploadParts(key: string, upload: string, file: FileHandle, bytes: number, told: Report) {
    const parts: { partNumber: number; etag: string }[] = [];
    for (let offset = 0; offset < bytes; offset += PART_BYTES) {
      const part = await readPart(file, offset, Math.min(PART_BYTES, bytes - offset));
      const number = parts.length + 1;
      parts.push(await ask('store a part', () => client.uploadPart(key, upload, part, number)));
      await told(Math.floor(((offset + part.length) / bytes) * 100));
    }
    await ask('complete the upload', () => client.completeMultipartUpload(key, upload, parts));
  }

  async function upload(key: string, file: FileHandle, bytes: number, onProgress: Report): Promise<void> {
    if (bytes <= PART_BYTES) {
      const body = await readPart(file, 0, bytes);
      await ask('store the file', () => client.putObject(key, body, 'application/octet-stream'));
      return;
    }
    const id = await ask('begin an upload', () => client.getMultipartUploadId(key, 'application/octet-stream'));
    try {
      await uploadParts(key, id, file, bytes, onProgress);
    } catch (error) {
      await client.abortMultipartUpload(key, id).catch(() => {});
      throw error;
    }
  }

  /** Best effort: not every service lists uploads, nor may every key. */
  async function sweep(names: ReadonlySet<string>): Promise<void> {
    const listed = await client.listMultipartUploads('/', '', 'GET', { prefix: place.prefix }).catch(() => undefined);
    const { data } = uploadsSchema.safeParse(listed);
    for (const { Key, UploadId } of data ? [data.ListMultipartUploadsResult.Upload].flat() : []) {
      if (!names.has(Key.slice(place.prefix.length))) continue;
      await client.abortMultipartUpload(Key, UploadId).catch(() => {});
    }
  }

  return {
    async put(name, from, onProgress) {
      const key = keyOf(name);
      const file = await open(from);
      try {
        const { size } = await file.stat();
        await upload(key, file, size, onProgress);
        const stored = await ask('say what it stored', () => client.getContentLength(key));
        if (stored === size) return;
        const detail = `${place.name} stored ${stored} bytes of ${size}; try again`;
        throw new DomainError('backup_unavailable', detail);
      } finally {
        await file.close();
      }
    },
    async get(name) {
      const response = await ask('give the file', () => client.getObjectResponse(keyOf(name)));
      if (!response?.body) {
        const detail = `${keyOf(name)} is not in ${place.bucket} any more; delete the backup`;
        throw new DomainError('backup_unavailable', detail);
      }
      return { stream: response.body, bytes: Number(response.headers.get('content-length')) };
    },
    async remove(name) {
      const key = keyOf(name);
      await ask('delete the file', () => client.deleteObject(key));
      await sweep(new Set([name]));
    },
    sweep,
    close: () => agent.destroy(),
  };
}

const uploadSchema = z.object({ Key: z.string(), UploadId: z.string() });
/** As the client reads the answer, whatever its types say: a single one is no list. */
const uploadsSchema = z.object({
  ListMultipartUploadsResult: z.object({ Upload: z.union([uploadSchema, z.array(uploadSchema)]) }),
});

type Report = (percent: number) => Promise<void>;

async function readPart(file: FileHandle, offset: number, length: number): Promise<Buffer> {
  const part = Buffer.alloc(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await file.read(part, filled, length - filled, offset + filled);
    if (bytesRead === 0) throw new Error('the file became shorter while it was read');
    filled += bytesRead;
  }
  return part;
}
