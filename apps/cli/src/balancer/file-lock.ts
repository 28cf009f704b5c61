import { createHash } from 'node:crypto';
import { realpath, stat } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { basename, dirname, join } from 'node:path';
import { CliError } from '../cli-error';

const ANSWER_MS = 1_000;

/**
 * Takes a file for this process alone, until it ends, however it ends: two that replace the same file would undo each
 * other's work for ever. The lock is a socket in Linux' abstract namespace: it leaves nothing behind, and who has it says so.
 * Elsewhere nothing is locked.
 * @returns what lets go. @throws CliError naming the process that has it
 */
export async function lockFile(path: string): Promise<() => void> {
  if (process.platform !== 'linux') return () => undefined;
  const address = await addressOf(path);
  const server = createServer((socket) => socket.on('error', () => undefined).end(String(process.pid)));
  if (!(await listens(server, address))) {
    const pid = await holderOf(address);
    throw new CliError('error', `another watch (process ${pid || 'unknown'}) keeps ${path} already`, {
      hint: 'end that one first, or write to another file with --out',
    });
  }
  server.unref();
  return () => void server.close();
}

/** The same for every name of a file, and for no other file: also where containers share the network of their host. */
async function addressOf(path: string): Promise<string> {
  const target = await realpath(path).catch(() => path);
  const folder = await stat(dirname(target), { bigint: true }).catch((error: NodeJS.ErrnoException) => {
    throw new CliError('error', `cannot write ${path}: ${error.code ?? error.message}`);
  });
  const file = join(`${folder.dev}:${folder.ino}`, basename(target));
  return `\0quorate-haproxy-watch-${createHash('sha256').update(file).digest('hex').slice(0, 32)}`;
}

const listens = (server: Server, address: string): Promise<boolean> =>
  new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EADDRINUSE' ? resolve(false) : reject(error),
    );
    server.listen(address, () => resolve(true));
  });

/** Who has it, by its own word; empty when it does not say. */
const holderOf = (address: string): Promise<string> =>
  new Promise((resolve) => {
    let said = '';
    const socket = connect(address);
    socket.setTimeout(ANSWER_MS, () => socket.destroy());
    socket.on('data', (chunk) => {
      said = (said + String(chunk)).slice(0, 16);
    });
    socket.on('error', () => undefined);
    socket.once('close', () => resolve(/^\d+$/.test(said) ? said : ''));
  });
