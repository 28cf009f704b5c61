import { X509Certificate } from 'node:crypto';
import { connect, type DetailedPeerCertificate, type TLSSocket } from 'node:tls';
import { parseHostPort } from '../../lib/net';
import { nodeIdOfName } from '../pki/inspect';
import { fingerprintOfDer } from '../pki/keys';
import { JoinError } from './join-error';

const MAX_CHAIN = 8;

/** The certificates that the other side sent, its own first. */
function chainOf(socket: TLSSocket): Buffer[] {
  const chain: Buffer[] = [];
  let certificate: DetailedPeerCertificate | undefined = socket.getPeerCertificate(true);
  while (certificate?.raw && chain.length < MAX_CHAIN) {
    const { raw } = certificate;
    if (chain.some((known) => known.equals(raw))) break;
    chain.push(raw);
    certificate = certificate.issuerCertificate;
  }
  return chain;
}

const NOT_REACHED = 'check the address, that quorated runs there, and that the firewall lets this port through';

function fetchChain(address: string, timeoutMs: number, signal: AbortSignal | undefined): Promise<Buffer[]> {
  const target = parseHostPort(address);
  if (!target)
    throw new JoinError('configured', 'invalid_address', `${address} is not host:port`, 'correct the address');
  return new Promise((resolve, reject) => {
    const socket = connect({ ...target, rejectUnauthorized: false, minVersion: 'TLSv1.3' });
    const fail = (reason: string): void =>
      finish(() =>
        reject(new JoinError('configured', 'unreachable', `${address} cannot be reached: ${reason}`, NOT_REACHED)),
      );
    const timer = setTimeout(() => fail(`no answer within ${timeoutMs} ms`), timeoutMs);
    const onAbort = (): void => fail('the join was cancelled');
    signal?.addEventListener('abort', onAbort, { once: true });
    function finish(settle: () => void): void {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      settle();
      socket.destroy();
    }
    socket.once('secureConnect', () => finish(() => resolve(chainOf(socket))));
    socket.on('error', (error) => fail(error.message));
    socket.once('close', () => fail('the connection was closed'));
  });
}

/**
 * Connects without sending anything, and returns the CA certificate (PEM) when its fingerprint is the expected one
 * and it signed the certificate of whoever answers.
 *
 * @throws JoinError unreachable, pin_mismatch, not_a_member
 */
export async function pinCa(options: {
  address: string;
  /** `sha256:<hex>` */
  caFingerprint: string;
  timeoutMs: number;
  signal?: AbortSignal | undefined;
  onReached: () => void;
}): Promise<string> {
  const { address, caFingerprint } = options;
  const chain = await fetchChain(address, options.timeoutMs, options.signal);
  options.onReached();
  const pinned = chain.find((der) => fingerprintOfDer(der) === caFingerprint);
  const [leafDer] = chain;
  if (!pinned || !leafDer) {
    const shown = chain.at(-1);
    const found = shown ? `the CA there is ${fingerprintOfDer(shown)}` : 'no certificate was shown';
    throw new JoinError(
      'reached',
      'pin_mismatch',
      `${address} does not show the expected CA ${caFingerprint}; ${found}. The token was not sent`,
      'mint a new token if the CA was replaced since this one was (quorate token create), or copy the join string again; if it is right, something stands between you and the cluster',
    );
  }
  const authority = new X509Certificate(pinned);
  const leaf = new X509Certificate(leafDer);
  const name = /^CN=(.*)$/m.exec(leaf.subject)?.[1] ?? '';
  if (!leaf.verify(authority.publicKey) || !leaf.checkIssued(authority) || nodeIdOfName(name) === null) {
    const cure = 'give the cluster address of a member (GET /v1/cluster lists them)';
    throw new JoinError('reached', 'not_a_member', `${address} is no member of the pinned cluster`, cure);
  }
  return authority.toString();
}
