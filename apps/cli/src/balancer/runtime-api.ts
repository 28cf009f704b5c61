import { connect, type NetConnectOpts } from 'node:net';

/** A socket file, or `host:port`. */
export type RuntimeAddress = string;

const TIMEOUT_MS = 5_000;
/** `show servers state` has about 150 bytes a server. */
const MAX_ANSWER_BYTES = 16 * 1024 * 1024;

function connectOptions(address: RuntimeAddress): NetConnectOpts {
  if (address.startsWith('/')) return { path: address };
  const colon = address.lastIndexOf(':');
  return { host: address.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(address.slice(colon + 1)) };
}

/**
 * Sends one command to HAProxy's runtime API and gives its answer without the blank lines around it.
 * @throws Error when it cannot be reached, or does not answer within 5 s
 */
export function askHaproxy(address: RuntimeAddress, command: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const socket = connect(connectOptions(address));
    const fail = (why: string): void => {
      socket.destroy();
      reject(new Error(`the runtime API at ${address} ${why}`));
    };
    // Not an idle time: a trickle must end as well.
    const timer = setTimeout(() => fail('does not answer'), TIMEOUT_MS);
    socket.once('close', () => clearTimeout(timer));
    socket.once('error', (error: NodeJS.ErrnoException) => fail(`cannot be reached: ${error.code ?? error.message}`));
    socket.once('connect', () => socket.write(`${command}\n`));
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      size += chunk.length;
      if (size > MAX_ANSWER_BYTES) fail('answers too much');
    });
    socket.once('end', () => {
      socket.end();
      resolve(
        Buffer.concat(chunks)
          .toString('utf8')
          .replace(/^\n+|\n+$/g, ''),
      );
    });
  });
}

export interface ProcessInfo {
  readonly pid: number;
  readonly version: string;
}

/** Which process answers, and its version. @throws Error */
export async function processInfo(address: RuntimeAddress): Promise<ProcessInfo> {
  const answer = await askHaproxy(address, 'show info');
  const field = (name: string): string => new RegExp(`^${name}: (.*)$`, 'm').exec(answer)?.[1] ?? '';
  const pid = Number(field('Pid'));
  if (!pid) throw new Error(`what answers at ${address} is no HAProxy: ${answer.slice(0, 100)}`);
  return { pid, version: field('Version') };
}

export interface RunningServer {
  /** IP address without brackets; `-` while a name is not resolved. */
  readonly address: string;
  readonly port: string;
  /** It gets no new connections because somebody said so. */
  readonly disabled: boolean;
  /** It is out of use altogether. */
  readonly maintenance: boolean;
}

/** `srv_admin_state`: set by a person, inherited, or by DNS. 0x04 only remembers that the file said `disabled`. */
const MAINTENANCE = 0x01 | 0x02 | 0x20;
const DRAIN = 0x08 | 0x10;

/** The servers of every backend as HAProxy has them now. @throws Error */
export async function runningServers(address: RuntimeAddress): Promise<Map<string, Map<string, RunningServer>>> {
  const answer = await askHaproxy(address, 'show servers state');
  const lines = answer.split('\n');
  const columns = lines
    .find((line) => line.startsWith('# '))
    ?.slice(2)
    .split(' ');
  if (!columns) throw new Error(`show servers state has an unknown form: ${answer.slice(0, 100)}`);
  const backends = new Map<string, Map<string, RunningServer>>();
  for (const line of lines.slice(lines.findIndex((candidate) => candidate.startsWith('# ')) + 1)) {
    const values = line.split(' ');
    const value = (name: string): string => values[columns.indexOf(name)] ?? '';
    const admin = Number(value('srv_admin_state'));
    const backend = backends.get(value('be_name')) ?? new Map<string, RunningServer>();
    backends.set(value('be_name'), backend);
    backend.set(value('srv_name'), {
      address: value('srv_addr'),
      port: value('srv_port'),
      disabled: (admin & (MAINTENANCE | DRAIN)) !== 0,
      maintenance: (admin & MAINTENANCE) !== 0,
    });
  }
  return backends;
}
