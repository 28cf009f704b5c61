import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect, createServer } from 'node:tls';
import type { Daemon } from './daemon';
import { CLUSTER_PORT } from './daemon';
import type { Workspace } from './workspace';

export interface TappedListener {
  /** What clients said inside TLS. */
  readonly heard: () => string;
  readonly connections: () => number;
}

/**
 * Listens on `host` where a member would, with the certificate of a real one, and notes down what it is told. With
 * `relayed`, it stands in the middle: all is passed on to that daemon, and its answers back.
 */
export async function tapListener(
  workspace: Workspace,
  member: Daemon,
  host: string,
  relayed?: Daemon,
): Promise<TappedListener> {
  const read = (name: string): string => readFileSync(join(member.dataDir, 'pki', name), 'utf8');
  let heard = '';
  let connections = 0;
  const server = createServer({ cert: `${read('node.crt')}\n${read('ca.crt')}`, key: read('node.key') }, (socket) => {
    socket.setEncoding('utf8').on('data', (text) => (heard += text));
    socket.on('error', () => {});
    if (!relayed) return;
    const onward = connect({ host: relayed.spec.host, port: CLUSTER_PORT, rejectUnauthorized: false });
    onward.on('error', () => socket.destroy());
    socket.pipe(onward).pipe(socket);
  });
  // Counted below TLS: a client that does not like the certificate never gets further.
  server.on('connection', () => (connections += 1));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(CLUSTER_PORT, host, resolve);
  });
  workspace.defer(() => server.close());
  return { heard: () => heard, connections: () => connections };
}
