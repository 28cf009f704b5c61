import { connect, type TLSSocket } from 'node:tls';
import { parseHostPort } from '../../lib/net';
import { keyPinOf } from '../pki/keys';

/** How a joiner answered on the address that it advertises. */
export type DialBack =
  | { readonly ok: true }
  | { readonly ok: false; readonly reason: 'unreachable' | 'other_key'; readonly detail: string };

/**
 * Connects to `address` (`host:port`) and compares the key of the certificate there with the one that asks to join.
 * Nothing is sent. The TLS handshake proves that whoever listens holds the key, self-signed as it is.
 */
export function dialBack(address: string, keyPin: string, timeoutMs: number): Promise<DialBack> {
  const target = parseHostPort(address);
  if (!target) return Promise.resolve({ ok: false, reason: 'unreachable', detail: `${address} is not host:port` });
  return new Promise((resolve) => {
    const socket = connect({ ...target, rejectUnauthorized: false, minVersion: 'TLSv1.3', timeout: timeoutMs });
    const timer = setTimeout(() => finish(unreachable(`no answer within ${timeoutMs} ms`)), timeoutMs);
    const unreachable = (detail: string): DialBack => ({ ok: false, reason: 'unreachable', detail });
    function finish(result: DialBack): void {
      clearTimeout(timer);
      socket.destroy();
      resolve(result);
    }
    socket.once('secureConnect', () => finish(compareKey(socket, keyPin)));
    socket.on('error', (error) => finish(unreachable(error.message)));
    socket.once('close', () => finish(unreachable('the connection was closed')));
  });
}

function compareKey(socket: TLSSocket, keyPin: string): DialBack {
  const { raw } = socket.getPeerCertificate();
  if (raw && keyPinOf(raw) === keyPin) return { ok: true };
  return { ok: false, reason: 'other_key', detail: 'something else than the joining node answers there' };
}
