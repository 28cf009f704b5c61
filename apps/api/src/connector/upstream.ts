import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { rootCertificates } from 'node:tls';
import { CONNECTOR_LIMITS, CONNECTOR_SUBPROTOCOL } from '@quorate/shared/connector-protocol';
import { WebSocket } from 'ws';
import type { Credentials } from './credentials';
import { publicUrl } from './effective';
import { CONNECT_MS } from './timings';

/** Where the upstream is and how to prove who is who. */
export interface Upstream {
  readonly url: string;
  /** PEM; empty = the CAs that Node.js trusts. */
  readonly caCert: string;
  readonly credentials: Credentials;
}

function tlsOf({ url, caCert, credentials }: Upstream) {
  if (!url.startsWith('wss:')) return {};
  const ca = credentials.ca ?? caCert;
  const { cert, key } = credentials;
  return { cert, key, ca: ca === '' ? [...rootCertificates] : ca, minVersion: 'TLSv1.2' as const };
}

/** Opens the WebSocket; the caller listens. */
export function dial(upstream: Upstream): WebSocket {
  return new WebSocket(upstream.url, [CONNECTOR_SUBPROTOCOL], {
    ...tlsOf(upstream),
    handshakeTimeout: CONNECT_MS,
    maxPayload: CONNECTOR_LIMITS.messageBytes,
    perMessageDeflate: false,
    followRedirects: false,
  });
}

/**
 * Whether this node could connect: the upstream answers a plain request on the same URL, over the same certificates. No
 * connection of the protocol is made, so that there is never a second one.
 *
 * @returns empty, or why not
 */
export function probe(upstream: Upstream): Promise<string> {
  const url = new URL(upstream.url.replace(/^ws/, 'http'));
  const send = url.protocol === 'https:' ? httpsRequest : httpRequest;
  return new Promise((resolve) => {
    const sent = send(url, { ...tlsOf(upstream), method: 'GET', agent: false, timeout: CONNECT_MS }, (answer) => {
      const status = answer.statusCode ?? 0;
      // 4xx is what a server says that expects an upgrade. 401 and 403: it does not like the certificate.
      const refused = status >= 500 || status === 401 || status === 403;
      resolve(refused ? `the upstream answers ${status}` : '');
      answer.destroy();
    });
    // A deadline for all of it: `timeout` alone is about silence.
    const deadline = setTimeout(() => sent.destroy(new Error('timed out')), CONNECT_MS);
    sent.once('timeout', () => sent.destroy(new Error('timed out')));
    sent.once('close', () => clearTimeout(deadline));
    sent.once('error', (error) => resolve(describeFailure(error)));
    sent.end();
  });
}

/** The URL as it may be shown and logged: without credentials and query. */
export function publicTarget({ url }: Upstream): string {
  return publicUrl(url);
}

/** In a sentence, with the code of the system where there is one; no part of the URL. */
export function describeFailure(error: unknown): string {
  if (error instanceof AggregateError && error.errors[0] !== undefined) return describeFailure(error.errors[0]);
  if (!(error instanceof Error)) return String(error);
  return error.message.slice(0, 300) || error.name;
}
