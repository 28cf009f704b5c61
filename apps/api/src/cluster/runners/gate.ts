import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { RUNNER_SESSION_PATH } from '@quorate/shared/runner-protocol';
import { type WebSocket, WebSocketServer } from 'ws';
import type { StateDb } from '../../db/state-store';
import type { Clock } from '../../lib/clock';
import type { Logger } from '../../lib/logger';
import { runnerPeerOf } from '../pki/peer-identity';
import { runnerOfKey } from './commands';

const MAX_FRAME_BYTES = 1024 * 1024;

export interface RunnerGate {
  upgrade(request: IncomingMessage, socket: TLSSocket, head: Buffer): void;
}

/** Lets runners in that show a certificate of this cluster's CA with a key that is known, and nobody else. */
export function createRunnerGate(deps: {
  db: () => StateDb;
  clock: Clock;
  logger: Logger;
  /** `notAfter`: of the certificate that it showed, ms. */
  onConnection: (runnerId: string, socket: WebSocket, notAfter: number) => void;
}): RunnerGate {
  const server = new WebSocketServer({ noServer: true, maxPayload: MAX_FRAME_BYTES, perMessageDeflate: false });

  /** @returns the id of the runner, or why it stays outside */
  function admit(
    request: IncomingMessage,
    socket: TLSSocket,
  ): { id: string; notAfter: number } | { status: string; code: string } {
    if (request.url !== RUNNER_SESSION_PATH) return { status: '404 Not Found', code: 'not_found' };
    const peer = socket.authorized ? runnerPeerOf(socket.getPeerCertificate()) : undefined;
    if (!peer || deps.clock() > peer.notAfter) return { status: '401 Unauthorized', code: 'certificate_required' };
    const runner = runnerOfKey(deps.db(), peer.keyPin);
    return runner ? { id: runner.id, notAfter: peer.notAfter } : { status: '403 Forbidden', code: 'node_removed' };
  }

  return {
    upgrade(request, socket, head) {
      const admitted = admit(request, socket);
      if (!('id' in admitted)) {
        socket.end(
          `HTTP/1.1 ${admitted.status}\r\nx-quorate-code: ${admitted.code}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n`,
        );
        return;
      }
      server.handleUpgrade(request, socket, head, (connection) =>
        deps.onConnection(admitted.id, connection, admitted.notAfter),
      );
    },
  };
}
