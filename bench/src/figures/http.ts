import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { endProcess, startDaemon } from '../daemon';
import { type Figure, pairedRatio } from '../figure';
import { withDirectory } from '../workload';

const SECONDS = 1.5;

/**
 * Drives keep-alive connections from a thread of its own, so that the client takes no time of the server's loop. It
 * polls without sleeping: to wake a sleeping client costs the server's write more than all the rest of a request, and
 * only the slower server would pay for it.
 */
const CLIENT = `
  const { parentPort, workerData } = require('node:worker_threads');
  const { Pool } = require('undici');
  const { url, path, headers, connections, pipelining } = workerData;
  const pool = new Pool(url, { connections, pipelining });
  parentPort.on('message', async (seconds) => {
    const until = performance.now() + seconds * 1000;
    const startedAt = performance.now();
    let done = 0;
    let running = true;
    const poll = () => running && setImmediate(poll);
    poll();
    await Promise.all(Array.from({ length: connections * pipelining }, async () => {
      while (performance.now() < until) {
        const { statusCode, body } = await pool.request({ path, method: 'GET', headers });
        await body.dump();
        if (statusCode !== 200) throw new Error('status ' + statusCode);
        done += 1;
      }
    }));
    running = false;
    parentPort.postMessage(done / ((performance.now() - startedAt) / 1000));
  });
`;

function startClient(url: string, path: string, headers: Record<string, string>) {
  const worker = new Worker(CLIENT, { eval: true, workerData: { url, path, headers, connections: 8, pipelining: 4 } });
  return {
    async requestsPerSecond(seconds: number): Promise<number> {
      worker.postMessage(seconds);
      const [rate] = (await once(worker, 'message')) as [number];
      return rate;
    },
    stop: () => worker.terminate(),
  };
}

async function startBare(answer: unknown): Promise<{ url: string; stop: () => Promise<void> }> {
  const script = join(import.meta.dirname, 'bare-server.mjs');
  const child = spawn(process.execPath, [script, JSON.stringify(answer)], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [port] = (await once(child.stdout, 'data')) as [Buffer];
  return { url: `http://127.0.0.1:${port.toString().trim()}`, stop: () => endProcess(child) };
}

type Body = Record<string, unknown>;

/** One request with a JSON body. @throws Error with the answer's text unless it is good */
export async function post(
  url: string,
  path: string,
  body: unknown,
  { method = 'POST', headers = {} }: { method?: string; headers?: Record<string, string> } = {},
): Promise<Body> {
  const all = { 'content-type': 'application/json', ...headers };
  const answer = await fetch(url + path, { method, headers: all, body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
  return (await answer.json()) as Body;
}

/** The first admin of a fresh node, signed in: headers. */
export async function signIn(url: string): Promise<Record<string, string>> {
  const admin = { username: 'ada', password: 'correct horse battery' };
  await post(url, '/v1/setup', { cluster_name: 'bench', ...admin });
  const { token } = await post(url, '/v1/session', admin);
  return { authorization: `Bearer ${String(token)}` };
}

export const httpReads: Figure = {
  name: 'local reads over HTTP',
  unit: 'ratio',
  bound: { at: 'least', value: 0.6 },
  why: 'authenticated GET /v1/me of the daemon against a bare Hono route with the same JSON, same server library and client',
  measure: () =>
    withDirectory(async (directory) => {
      const daemon = await startDaemon(directory);
      try {
        const headers = await signIn(daemon.url);
        const bare = await startBare(await (await fetch(`${daemon.url}/v1/me`, { headers })).json());
        const clients = [startClient(daemon.url, '/v1/me', headers), startClient(bare.url, '/v1/me', headers)] as const;
        try {
          return await pairedRatio(
            7,
            () => clients[0].requestsPerSecond(SECONDS),
            () => clients[1].requestsPerSecond(SECONDS),
          );
        } finally {
          for (const client of clients) await client.stop();
          await bare.stop();
        }
      } finally {
        await daemon.stop();
      }
    }),
};
