import { problemSchema } from '@quorate/shared/problem';
import { Agent, fetch } from 'undici';
import type { NodeCredentials } from '../pki/operator';
import { checkPeer } from '../pki/peer-identity';
import { answerSchema, FORMATION_PATH, type FormationAnswer, type Hello } from './hello';

/** `waiting`: nobody answers there yet. `refused`: something is wrong, and says what. */
export type PeerReply =
  | { readonly kind: 'answered'; readonly answer: FormationAnswer }
  | { readonly kind: 'waiting' | 'refused'; readonly why: string };

export interface PeerAsker {
  ask(address: string, hello: Hello): Promise<PeerReply>;
  close(): Promise<void>;
}

const ANSWER_MS = 5_000;
const MAX_ANSWER_BYTES = 64 * 1024;

/** Texts of OpenSSL's verification, as the cure of an operator. */
const UNTRUSTED: Readonly<Record<string, string>> = {
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'it is not signed by cluster.tls.ca of this node: issue both from one CA',
  UNABLE_TO_GET_ISSUER_CERT: 'it is not signed by cluster.tls.ca of this node: issue both from one CA',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'it is not signed by cluster.tls.ca of this node: issue both from one CA',
  SELF_SIGNED_CERT_IN_CHAIN: 'it is not signed by cluster.tls.ca of this node: issue both from one CA',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'it is signed by itself: issue it from the CA of this cluster',
  CERT_SIGNATURE_FAILURE: 'its signature is not of cluster.tls.ca of this node: issue both from one CA',
  CERT_HAS_EXPIRED: 'it has expired: issue a new one, or set the clocks right',
  CERT_NOT_YET_VALID: 'it is not valid yet: set the clocks right',
};

/** Asks founding members over mutual TLS; whoever the CA certified as a node may answer. */
export function createPeerAsker(credentials: NodeCredentials): PeerAsker {
  const { caPem, certPem, keyPem } = credentials;
  const agent = new Agent({
    connections: 2,
    connectTimeout: ANSWER_MS,
    headersTimeout: ANSWER_MS,
    bodyTimeout: ANSWER_MS,
    maxResponseSize: MAX_ANSWER_BYTES,
    connect: {
      ca: caPem,
      cert: certPem,
      key: keyPem,
      minVersion: 'TLSv1.3',
      checkServerIdentity: (_host, certificate) => checkPeer(certificate, {}),
    },
  });
  return {
    async ask(address, hello) {
      try {
        const response = await fetch(`https://${address}${FORMATION_PATH}`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify(hello),
          redirect: 'error',
          dispatcher: agent,
        });
        const body: unknown = await response.json();
        const answer = answerSchema.safeParse(body);
        if (response.ok && answer.success) return { kind: 'answered', answer: answer.data };
        const problem = problemSchema.safeParse(body);
        const detail = problem.success ? problem.data.detail : 'something that is no founding member answers there';
        return { kind: 'refused', why: `${address}: ${detail}` };
      } catch (error) {
        return failureOf(address, error);
      }
    },
    close: () => agent.destroy(),
  };
}

function failureOf(address: string, error: unknown): PeerReply {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const code = String((cause as { code?: unknown }).code ?? '');
  const message = cause instanceof Error ? cause.message : String(cause);
  const untrusted = UNTRUSTED[code];
  if (untrusted) return { kind: 'refused', why: `the certificate at ${address} is refused: ${untrusted}` };
  if (/not that of a cluster node/.test(message)) {
    return { kind: 'refused', why: `${address}: ${message}: issue it with CN <prefix>-node-<id>` };
  }
  return { kind: 'waiting', why: `nobody answers at ${address} (${code || message})` };
}
