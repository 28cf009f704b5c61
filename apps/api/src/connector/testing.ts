import { createServer } from 'node:http';
import type { FromGateway } from '@quorate/shared/connector-protocol';
import { type WebSocket, WebSocketServer } from 'ws';
import { freePorts } from '../testing/etcd';
import type { Credentials } from './credentials';

/** An upstream that welcomes everybody, and keeps what it hears and when. */
export async function openUpstream(at?: number) {
  const port = at ?? (await freePorts(1))[0];
  const server = createServer((_, response) => response.writeHead(426).end());
  const sockets = new WebSocketServer({ server });
  const heard: FromGateway[] = [];
  const accepted: { socket: WebSocket; atMs: number; closed: boolean }[] = [];
  sockets.on('connection', (socket) => {
    const one = { socket, atMs: performance.now(), closed: false };
    accepted.push(one);
    socket.on('close', () => {
      one.closed = true;
    });
    socket.on('message', (data) => {
      const frame = JSON.parse(String(data)) as FromGateway;
      heard.push(frame);
      if (frame.type === 'hello') socket.send(JSON.stringify({ type: 'welcome', last_event: null }));
    });
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return {
    port,
    heard,
    accepted,
    upstream: { url: `ws://127.0.0.1:${port}/gateway`, caCert: '', credentials: {} as Credentials },
    close() {
      for (const { socket } of accepted) socket.terminate();
      server.close();
    },
  };
}
