import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
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
new S3rver({ directory, port: Number(port), address: '127.0.0.1', silent: true, vhostBuckets: false, configureBuckets: [{ name: bucket }] })
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
    kill,
    start,
    async stop() {
      await kill();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
