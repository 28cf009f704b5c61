import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts } from './etcd';

/** A real S3 server in a process of its own, on loopback, with one bucket and one key pair. */
export interface S3Server {
  readonly endpoint: string;
  readonly bucket: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Uploads in parts that were neither completed nor aborted. */
  openUploads(): number;
  /** SIGKILL: connections are cut in the middle of what they do. */
  kill(): Promise<void>;
  /** Runs it again on the same port over the same files. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

const require = createRequire(import.meta.url);

const PROGRAM = `
const S3rver = require(process.argv[1]);
const [directory, port, bucket] = process.argv.slice(2);
const server = new S3rver({ directory, port: Number(port), address: '127.0.0.1', silent: true, vhostBuckets: false, configureBuckets: [{ name: bucket }] });
const fs = require('node:fs');
const path = require('node:path');
const uploads = () => path.dirname(server.store.getResourcePath(bucket, undefined, 'uploads') + '/x');
// What this server lacks of the protocol: to list uploads and to abort one. They lie in its own folder.
server.middleware.unshift(async (ctx, next) => {
  if (ctx.method === 'GET' && ctx.path.replace(/\\/$/, '') === '/' + bucket && 'uploads' in ctx.query) {
    const ids = fs.existsSync(uploads()) ? fs.readdirSync(uploads()) : [];
    const all = ids.map((id) => ({ id, key: fs.readFileSync(path.join(uploads(), id, 'key'), 'utf8') }));
    const wanted = all.filter(({ key }) => key.startsWith(ctx.query.prefix ?? ''));
    const xml = wanted.map(({ id, key }) => '<Upload><Key>' + key + '</Key><UploadId>' + id + '</UploadId></Upload>').join('');
    ctx.type = 'application/xml';
    ctx.body = '<?xml version="1.0" encoding="UTF-8"?><ListMultipartUploadsResult>' + xml + '</ListMultipartUploadsResult>';
    return;
  }
  if (ctx.method === 'DELETE' && typeof ctx.query.uploadId === 'string') {
    fs.rmSync(path.join(uploads(), path.basename(ctx.query.uploadId)), { recursive: true });
    ctx.status = 204;
    return;
  }
  await next();
});
server
  .run()
  .then(() => console.log('ready'));
`;

export async function startS3Server(): Promise<S3Server> {
  const directory = mkdtempSync(join(tmpdir(), 'quorate-s3-'));
  const [port] = await freePorts(1);
  const bucket = 'backups';
  const module = require.resolve('@20minutes/s3rver');
  let child: ChildProcess | undefined;

  async function start(): Promise<void> {
    const started = spawn(process.execPath, ['-e', PROGRAM, module, directory, String(port), bucket], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    child = started;
    await Promise.race([
      once(started.stdout, 'data'),
      once(started, 'exit').then(() => Promise.reject(new Error('the S3 server ended'))),
    ]);
  }

  async function kill(): Promise<void> {
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }

  await start();
  return {
    endpoint: `http://127.0.0.1:${port}`,
    bucket,
    // What this server knows, and no other.
    accessKeyId: 'S3RVER',
    secretAccessKey: 'S3RVER',
    openUploads: () => {
      const folder = join(directory, bucket, '._S3rver_uploads');
      return existsSync(folder) ? readdirSync(folder).length : 0;
    },
    kill,
    start,
    async stop() {
      await kill();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
