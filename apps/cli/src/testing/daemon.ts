import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { DAEMON, eventually } from './cli';

export interface Daemon {
  url: string;
  /** Where `.quorate/` is: a working directory in which the socket is found without a flag. */
  folder: string;
  socket: string;
  log(): string;
  stop(): Promise<void>;
}

/** Ports that were free a moment ago, all different. */
async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((closed) => server.close(closed))));
  return ports;
}

/** Starts a real node on loopback with a throwaway folder and waits until it is ready. */
export async function startDaemon(): Promise<Daemon> {
  const folder = mkdtempSync(join(tmpdir(), 'quorate-cli-'));
  const [api, cluster, peer, client] = await freePorts(4);
  const url = `http://127.0.0.1:${api}`;
  const config = {
    node: { name: 'alpha' },
    data_dir: join(folder, '.quorate'),
    api: { address: `127.0.0.1:${api}` },
    cluster: { address: `127.0.0.1:${cluster}` },
    raft: { peer_address: `127.0.0.1:${peer}`, client_address: `127.0.0.1:${client}` },
  };
  writeFileSync(join(folder, 'quorate.yaml'), stringify(config));
  const child = spawn(process.execPath, [DAEMON, 'serve', '--config', join(folder, 'quorate.yaml')], { cwd: folder });
  let log = '';
  const remember = (chunk: Buffer): void => {
    log += chunk;
  };
  child.stdout.on('data', remember);
  child.stderr.on('data', remember);
  const stop = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) {
      const ended = new Promise((done) => child.once('exit', done));
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
      await ended;
      clearTimeout(timer);
    }
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await eventually('the node is ready', 20_000, async () => {
      if (child.exitCode !== null) throw new Error(`the node ended with ${child.exitCode}:\n${log}`);
      const response = await fetch(`${url}/readyz`).catch(() => undefined);
      return response?.ok || undefined;
    });
  } catch (error) {
    await stop();
    throw new Error(`${(error as Error).message}\n${log}`);
  }
  return { url, folder, socket: join(folder, '.quorate/agent.sock'), log: () => log, stop };
}
