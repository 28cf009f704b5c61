import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A bucket of S3 that takes no file before it may. */
export interface SlowBucket {
  readonly endpoint: string;
  /** Files whose upload waits for `open`, or has been broken off while it waited. */
  readonly held: readonly string[];
  /** Files that are stored now. */
  readonly stored: () => string[];
  /** From now on, or until `hold`, files are taken. */
  open(): void;
  hold(): void;
  stop(): Promise<void>;
}

/** Knows what storing and deleting one small file needs; signatures are not looked at. */
export async function startSlowBucket(): Promise<SlowBucket> {
  const files = new Map<string, number>();
  const held: string[] = [];
  const waiting: (() => void)[] = [];
  let isOpen = false;

  function store(name: string, bytes: number, response: ServerResponse): void {
    if (response.destroyed) return;
    files.set(name, bytes);
    response.setHeader('etag', '"stored"').end();
  }
  const server = createServer((request, response) => {
    const name = (request.url ?? '').split('?')[0]?.split('/').at(-1) ?? '';
    let bytes = 0;
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
    });
    request.on('end', () => {
      if (request.method === 'PUT') {
        if (isOpen) return store(name, bytes, response);
        held.push(name);
        waiting.push(() => store(name, bytes, response));
      } else if (request.method === 'DELETE') {
        files.delete(name);
        response.writeHead(204).end();
      } else if (request.method === 'HEAD') {
        response.writeHead(files.has(name) ? 200 : 404, { 'content-length': files.get(name) ?? 0 }).end();
      } else response.writeHead(404).end();
    });
    // Whoever sent it was killed.
    request.on('error', () => undefined);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    endpoint: `http://127.0.0.1:${port}`,
    held,
    stored: () => [...files.keys()],
    open() {
      isOpen = true;
      for (const go of waiting.splice(0)) go();
    },
    hold() {
      isOpen = false;
    },
    async stop() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
