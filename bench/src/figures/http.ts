import { once } from 'node:events';
import { createServer } from 'node:http';
import { Worker } from 'node:worker_threads';
import { getRequestListener } from '@hono/node-server';
import { startApiNode } from '@quorate/api/src/testing/api-node';
import { Hono } from 'hono';
import { type Figure, pairedRatio } from '../figure';

const SECONDS = 1.5;

/** Drives keep-alive connections from a thread of its own, so that the client takes no time of the server's loop. */
const CLIENT = `
  const { parentPort, workerData } = require('node:worker_threads');
  const { Pool } = require('undici');
  const { url, path, headers, connections, pipelining } = workerData;
  const pool = new Pool(url, { connections, pipelining });
  parentPort.on('message', async (seconds) => {
    const until = performance.now() + seconds * 1000;
    const startedAt = performance.now();
    let done = 0;
    await Promise.all(Array.from({ length: connections * pipelining }, async () => {
      while (performance.now() < until) {
        const { statusCode, body } = await pool.request({ path, method: 'GET', headers });
        await body.dump();
        if (statusCode !== 200) throw new Error('status ' + statusCode);
        done += 1;
      }
    }));
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

async function startBare(answer: unknown): Promise<{ url: string; close: () => void }> {
  const app = new Hono();
  app.get('/v1/me', (c) => c.json(answer as object));
  const server = createServer(getRequestListener(app.fetch));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  return {
    url: `http://127.0.0.1:${port}`,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

export const httpReads: Figure = {
  name: 'local reads over HTTP',
  unit: 'ratio',
  bound: { at: 'least', value: 0.6 },
  why: 'authenticated GET /v1/me of a node against a bare Hono route with the same JSON, same server library and client',
  async measure() {
    const api = await startApiNode();
    try {
      const token = await api.setUp();
      const { body } = await api.call('GET', '/v1/me', { token });
      const bare = await startBare(body);
      const headers = { authorization: `Bearer ${token}` };
      const clients = [startClient(api.url, '/v1/me', headers), startClient(bare.url, '/v1/me', headers)] as const;
      try {
        return await pairedRatio(
          7,
          () => clients[0].requestsPerSecond(SECONDS),
          () => clients[1].requestsPerSecond(SECONDS),
        );
      } finally {
        for (const client of clients) await client.stop();
        bare.close();
      }
    } finally {
      await api.stop();
    }
  },
};
