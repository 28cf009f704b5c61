import { createHash } from 'node:crypto';
import { isIP } from 'node:net';
import { connect, type DetailedPeerCertificate } from 'node:tls';
import { sha256Fingerprint } from '@quorate/shared/names';
import { CliError } from './cli-error';

const MAX_CHAIN = 10;

const fingerprintOf = (der: Uint8Array): string => `sha256:${createHash('sha256').update(der).digest('hex')}`;

const toPem = (der: Uint8Array): string =>
  `-----BEGIN CERTIFICATE-----\n${Buffer.from(der)
    .toString('base64')
    .replace(/(.{64})(?=.)/g, '$1\n')}\n-----END CERTIFICATE-----\n`;

/** The certificates a server presents, leaf first; nothing is trusted by looking at them. */
function presentedChain(url: URL, timeoutMs: number): Promise<Uint8Array[]> {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  return new Promise((resolve, reject) => {
    const socket = connect({
      host,
      port: Number(url.port || 443),
      rejectUnauthorized: false,
      ...(isIP(host) ? {} : { servername: host }),
    });
    socket.setTimeout(timeoutMs, () => socket.destroy(new Error('no answer in time')));
    socket.once('error', reject);
    socket.once('secureConnect', () => {
      const chain: Uint8Array[] = [];
      let current: DetailedPeerCertificate | undefined = socket.getPeerCertificate(true);
      while (current?.raw && chain.length < MAX_CHAIN) {
        chain.push(current.raw);
        current = current.issuerCertificate === current ? undefined : current.issuerCertificate;
      }
      socket.destroy();
      resolve(chain);
    });
  });
}

/**
 * Fetches the certificate with this fingerprint from the server's own chain, as PEM to verify against.
 * No credential is sent before the pin holds: the caller's next connection is verified by the result.
 * @throws CliError when the fingerprint is malformed, nobody answers, or no certificate matches
 */
export async function fetchPinnedCa(server: string, fingerprint: string, timeoutMs: number): Promise<string> {
  const wanted = fingerprint
    .toLowerCase()
    .replaceAll(':', '')
    .replace(/^sha256/, 'sha256:');
  if (!sha256Fingerprint.safeParse(wanted).success) {
    throw new CliError('usage', `--ca-fingerprint '${fingerprint}' is not sha256: followed by 64 hex digits`, {
      hint: 'on a node, quorate --socket FILE status -o json shows it as ca_fingerprint; it also ends every join string',
    });
  }
  const url = new URL(server);
  if (url.protocol !== 'https:') {
    throw new CliError('usage', `--ca-fingerprint needs an https:// address, not ${server}`);
  }
  const chain = await presentedChain(url, timeoutMs).catch((cause: Error) => {
    throw new CliError('unavailable', `no TLS connection to ${server}: ${cause.message}`);
  });
  const match = chain.find((der) => fingerprintOf(der) === wanted);
  if (match) return toPem(match);
  throw new CliError(
    'auth',
    `no certificate that ${server} presents has the fingerprint ${wanted}; nothing was sent to it`,
    {
      hint: 'compare the fingerprint with the one a node shows, and check that the address is right',
      fields: chain.map((der, position) => ({
        field: position === 0 ? 'leaf' : `issuer ${position}`,
        detail: fingerprintOf(der),
      })),
    },
  );
}
