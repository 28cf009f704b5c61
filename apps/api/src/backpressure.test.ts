import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer as createHttpServer, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FromGateway } from '@quorate/shared/connector-protocol';
import type { FromCore } from '@quorate/shared/runner-protocol';
import { afterEach, expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { openLink as openUpstreamLink } from './connector/link';
import { silentLogger } from './lib/logger';
import { createTestPki } from './testing/etcd';
import { until } from './testing/until';
import { openLink as openCoreLink } from './work/agent/link';
import { openSession } from './work/session';

const MIB = 1024 ** 2;
/** What the buffers of two sockets on loopback hold, generously. */
const KERNEL_BYTES = 32 * MIB;
const logger = silentLogger();
const undo: (() => void)[] = [];
afterEach(() => {
  for (const step of undo.splice(0).reverse()) step();
});

/** The other side of the connection: it is let in by `onSocket`. @returns the port */
async function listen(server: Server, onSocket: (socket: WebSocket) => void): Promise<number> {
  const sockets = new WebSocketServer({ server });
  sockets.on('connection', (socket) => {
    socket.on('error', () => undefined);
    onSocket(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  undo.push(() => {
    for (const socket of sockets.clients) socket.terminate();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

it('a runner that reads no more is let go by the core, with a bounded number of bytes waiting for it', async () => {
  const frames = 400;
  let told = 0;
  let most = 0;
  let closed = false;
  const port = await listen(createHttpServer(), (socket) => {
    const none = () => Promise.reject(new Error('not here'));
    const session = openSession(socket, {
      ...{ nodeId: 1, runnerId: 'r', logger, renews: () => true, onHeartbeat: () => undefined },
      ...{ onMetrics: () => true, onReport: none, onHello: none, onRenew: none },
    });
    socket.once('close', () => {
      closed = true;
    });
    const trust = { ca: '', issuer: 'x'.repeat(MIB) };
    const tell = (): void => {
      if (closed || told >= frames) return;
      told += 1;
      session.tell({ work: undefined, cores: [], trust: { ...trust, ca: String(told) } }, false);
      most = Math.max(most, socket.bufferedAmount);
      setImmediate(tell);
    };
    tell();
  });
  const runner = new WebSocket(`ws://127.0.0.1:${port}`);
  undo.push(() => runner.terminate());
  runner.on('error', () => undefined);
  await once(runner, 'open');
  runner.pause();
  await until(() => closed || told >= frames, 'it is let go', 60_000);
  expect(closed).toBe(true);
  expect(most).toBeLessThan(10 * MIB);
});

it('a core that reads no more is left by the runner, with a bounded number of bytes waiting for it', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'quorate-backpressure-'));
  undo.push(() => rmSync(directory, { recursive: true, force: true }));
  const { tls } = await createTestPki(directory);
  const asked = 3_000;
  const port = await listen(createTlsServer({ cert: tls.cert, key: tls.key }), (socket) => {
    const say = (frame: FromCore): void => socket.send(JSON.stringify(frame));
    say({ type: 'welcome', node_id: 1, heartbeat_ms: 3_600_000, lease_ms: 1_000, stamp: 0 });
    const range = { id: '01900000-0000-7000-8000-000000000000', attempt: 1, offset: 0, wait_ms: 0 };
    for (let n = 0; n < asked; n += 1) say({ type: 'output', n, range });
    socket.pause();
  });
  let answered = 0;
  const link = openCoreLink({
    ...{ address: `127.0.0.1:${port}`, logger, tls: () => ({ ca: tls.ca, rejectUnauthorized: false }) },
    sample: () => ({ cpu_percent: 0, memory_percent: 0 }),
    ...{ onWork: () => undefined, onCores: () => undefined, onTrust: () => undefined },
    ...{ onOpen: () => undefined, onRenewed: () => undefined },
    async output() {
      answered += 1;
      await new Promise(setImmediate);
      return { offset: 0, data: 'x'.repeat(MIB / 16), total: 1, ended: false };
    },
  });
  undo.push(() => link.close());
  expect(await link.ended).toBe('closed');
  expect(answered).toBeGreaterThan(0);
});

it('an upstream that reads no more, though it says that it is there, is left', async () => {
  const port = await listen(createHttpServer(), (socket) => {
    socket.send(JSON.stringify({ type: 'welcome', last_event: null }));
    socket.pause();
    const beat = setInterval(() => socket.ping(), 200);
    socket.once('close', () => clearInterval(beat));
    undo.push(() => clearInterval(beat));
  });
  const socket = new WebSocket(`ws://127.0.0.1:${port}`);
  undo.push(() => socket.terminate());
  let welcomed = false;
  let why: string | undefined;
  const link = openUpstreamLink({
    socket,
    hello: { type: 'bye', reason: '' },
    mayAct: () => true,
    onWelcome: () => {
      welcomed = true;
    },
    onRequest: () => undefined,
    onBeat: () => undefined,
    onEnd: (end) => {
      why = end.why;
    },
  });
  await until(() => welcomed, 'it is welcomed', 20_000);
  const answer: FromGateway = {
    ...{ type: 'answer', id: 'a', status: 200, headers: {}, encoding: 'text' },
    body: 'x'.repeat(2 * MIB),
  };
  let sent = 0;
  while (why === undefined && sent < 200) {
    link.send(answer);
    sent += 1;
    await new Promise(setImmediate);
  }
  expect(why).toBe('the upstream does not read: 64 MiB wait for it');
  expect(sent * 2 * MIB).toBeLessThan(64 * MIB + KERNEL_BYTES);
});
