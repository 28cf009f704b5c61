import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { Encrypter } from 'age-encryption';
import { DomainError } from '../../commands/domain-error';

// Files in the format of age (age-encryption.org/v1): what is stored here, `age --decrypt` opens, and the other way round.

/** What opens an encrypted file, as people give it. */
export type AgeKey = { readonly passphrase: string } | { readonly identity: string };
/** What a new file is encrypted to. */
export type AgeLock = { readonly passphrase: string } | { readonly recipients: readonly string[] };

const IDENTITY = /^AGE-SECRET-KEY-/i;
const MAGIC = 'age-encryption.org/';
/** An age header of 16 recipients, post-quantum ones included, stays below this. */
export const MAX_HEADER_BYTES = 64 * 1024;

export const ageKeyOf = (text: string): AgeKey =>
  IDENTITY.test(text.trim()) ? { identity: text.trim().toUpperCase() } : { passphrase: text };

export const isAgeFile = (head: Uint8Array): boolean =>
  Buffer.from(head.subarray(0, MAGIC.length)).equals(Buffer.from(MAGIC));

/** @throws DomainError validation_failed naming the key that is none */
export function checkRecipients(recipients: readonly string[]): void {
  recipients.forEach((recipient, index) => {
    try {
      new Encrypter().addRecipient(recipient);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      const detail = `not an age public key (${why}); age-keygen prints one as "public key: age1…"`;
      throw new DomainError('validation_failed', detail, [{ pointer: `/recipients/${index}`, detail }]);
    }
  });
}

/**
 * Text rather than a file of its own, since the daemon is bundled into one. A thread, since the key derivation of a
 * passphrase takes a second and the cipher is JavaScript.
 */
const PROGRAM = `
const { parentPort, workerData } = require('node:worker_threads');
const { createReadStream, createWriteStream } = require('node:fs');
const { Readable } = require('node:stream');
const { pipeline } = require('node:stream/promises');
async function run({ module, task }) {
  const age = await import(module);
  const { from, to, head, lock, key } = task;
  const source = head ? new Blob([head]).stream() : Readable.toWeb(createReadStream(from, { highWaterMark: 1 << 20 }));
  let output;
  if (lock) {
    const encrypter = new age.Encrypter();
    if (lock.passphrase !== undefined) encrypter.setPassphrase(lock.passphrase);
    for (const recipient of lock.recipients ?? []) encrypter.addRecipient(recipient);
    output = await encrypter.encrypt(source);
  } else {
    const decrypter = new age.Decrypter();
    try {
      if (key.passphrase !== undefined) decrypter.addPassphrase(key.passphrase);
      else decrypter.addIdentity(key.identity);
    } catch { return { wrongKey: true }; }
    try {
      output = await decrypter.decrypt(source);
    } catch (error) {
      if (/no identity matched/.test(String(error))) return { wrongKey: true };
      throw error;
    }
  }
  if (to) await pipeline(Readable.fromWeb(output), createWriteStream(to, { mode: 0o600, flush: true }));
  else await output.cancel().catch(() => {});
  return {};
}
run(workerData).then(
  (answer) => parentPort.postMessage(answer),
  (error) => parentPort.postMessage({ code: String(error?.code ?? ''), message: String(error?.message ?? error) }),
);
`;

interface Task {
  readonly from?: string;
  readonly to?: string;
  readonly head?: Uint8Array;
  readonly lock?: AgeLock;
  readonly key?: AgeKey;
}

interface Answer {
  readonly wrongKey?: boolean;
  readonly code?: string;
  readonly message?: string;
}

function runInThread(task: Task): Promise<Answer> {
  const module = pathToFileURL(createRequire(import.meta.url).resolve('age-encryption')).href;
  return new Promise((resolve, reject) => {
    const worker = new Worker(PROGRAM, { eval: true, workerData: { module, task } });
    worker.once('message', resolve);
    worker.once('error', reject);
    worker.once('exit', (status) => reject(new Error(`the encryption thread ended with status ${status}`)));
  });
}

function failureOf({ code, message }: Answer): NodeJS.ErrnoException {
  return Object.assign(new Error(message), code ? { code } : {});
}

/** Encrypts a file into another one. @throws Error of the file system, ENOSPC among them */
export async function encryptFile(from: string, to: string, lock: AgeLock): Promise<void> {
  const answer = await runInThread({ from, to, lock });
  if (answer.message !== undefined) throw failureOf(answer);
}

const wrongKey = (): DomainError =>
  new DomainError(
    'backup_wrong_key',
    'this passphrase or identity does not open the file; give the one it was made with',
  );

/** Decrypts a file into another one. @throws DomainError backup_wrong_key, backup_damaged; Error of the file system */
export async function decryptFile(from: string, to: string, key: AgeKey): Promise<void> {
  const answer = await runInThread({ from, to, key });
  if (answer.wrongKey) throw wrongKey();
  if (answer.message === undefined) return;
  if (answer.code?.startsWith('E')) throw failureOf(answer);
  const detail = `the file cannot be decrypted (${answer.message}); copy it again, or take another backup`;
  throw new DomainError('backup_damaged', detail);
}

/** Whether a key opens a file, by its first bytes alone. @throws DomainError backup_wrong_key, backup_damaged */
export async function checkKey(head: Uint8Array, key: AgeKey): Promise<void> {
  const answer = await runInThread({ head, key });
  if (answer.wrongKey) throw wrongKey();
  if (answer.message !== undefined)
    throw new DomainError('backup_damaged', `the file is no age file: ${answer.message}`);
}
