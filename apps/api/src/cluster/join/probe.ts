import { createServer } from 'node:tls';
import { selfSign } from '../pki/issue';
import { JoinError } from './join-error';

/** Listens on the node's cluster address while it joins, so that the cluster can see that it reaches it. */
export interface Probe {
  close(): Promise<void>;
}

const MAX_CONNECTIONS = 16;

/**
 * Shows a self-signed certificate of the node's key to whoever connects, and nothing else.
 *
 * @throws JoinError address_unusable when the address cannot be listened on
 */
export async function startProbe(options: {
  listen: { readonly host: string; readonly port: number };
  keyPem: string;
  /** The operator's certificate for this key; one signed by the key itself does as well. */
  certPem?: string | undefined;
  nowMs: number;
}): Promise<Probe> {
  const { listen, keyPem, nowMs } = options;
  const cert = options.certPem ?? (await selfSign({ keyPem, nowMs }));
  const server = createServer({ key: keyPem, cert, minVersion: 'TLSv1.3', handshakeTimeout: 5_000 });
  const sockets = new Set<{ destroy(): void; once(event: 'close', listener: () => void): void }>();
  server.maxConnections = MAX_CONNECTIONS;
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    // A dialler that hangs up early is no fault of this node.
    socket.on('error', () => {});
  });
  server.on('secureConnection', (socket) => {
    socket.on('error', () => {});
    socket.end();
  });
  server.on('tlsClientError', () => {});
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(unusable(listen, error)));
    server.listen(listen.port, listen.host, resolve);
  });
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

function unusable({ host, port }: { host: string; port: number }, error: NodeJS.ErrnoException): JoinError {
  const cure =
    error.code === 'EADDRINUSE'
      ? 'stop the program that uses this port (is quorated running already?), or set cluster.address to another one'
      : 'set cluster.address to an address of this machine';
  const message = `cannot listen on the cluster address ${host}:${port} (${error.code ?? error.message})`;
  return new JoinError('configured', 'address_unusable', message, cure, { cause: error });
}
