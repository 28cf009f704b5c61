import { Agent, buildConnector, fetch, type RequestInit, type Response } from 'undici';
import { checkPeer } from './pki/peer-identity';

export interface ClusterTls {
  /** PEM; verifies the other side. */
  readonly ca: string;
  /** PEM; the node's certificate, without the CA. */
  readonly cert: string;
  readonly key: string;
}

export interface PeerTarget {
  readonly nodeId: number;
  /** `host:port` of its cluster listener. */
  readonly address: string;
}

export interface PeerClientOptions {
  /** Read at each new connection, so that a rotated certificate is used at once. */
  readonly tls: () => ClusterTls;
  /** Bound on connecting, ms. A call's own signal bounds the whole. */
  readonly timeoutMs: number;
  /** Bound on waiting for an answer to begin, and for its next part, ms; default `timeoutMs`. */
  readonly answerMs?: number;
  /** Whether this key is that of a live member; without it, the CA and the node id decide. */
  readonly isPinned?: (nodeId: number, keyPin: string) => boolean;
}

/** Requests to other nodes' cluster listeners over mutual TLS. */
export interface PeerClient {
  /**
   * Sends a request to a node; `path` begins with a slash. The other side must hold a certificate of that node id.
   *
   * @throws TypeError (from fetch) when it cannot be reached, is another node, or a bound passes
   */
  fetch(target: PeerTarget, path: string, init?: RequestInit): Promise<Response>;
  /** Ends kept connections to a node: it was removed or its certificate changed. */
  forget(nodeId: number): Promise<void>;
  close(): Promise<void>;
}

const MAX_AGENTS = 63;

export function createPeerClient(options: PeerClientOptions): PeerClient {
  const agents = new Map<number, Agent>();

  function createAgent(nodeId: number): Agent {
    const { timeoutMs, answerMs = timeoutMs, isPinned } = options;
    const checkServerIdentity = (_host: string, certificate: Parameters<typeof checkPeer>[0]) =>
      checkPeer(certificate, { nodeId, ...(isPinned ? { isPinned } : {}) });
    return new Agent({
      connections: 8,
      connectTimeout: timeoutMs,
      headersTimeout: answerMs,
      bodyTimeout: answerMs,
      connect: (target, callback) => {
        const connector = buildConnector({
          ...options.tls(),
          minVersion: 'TLSv1.3',
          checkServerIdentity,
          timeout: timeoutMs,
          // A resumed session skips the certificates; every connection is to prove both sides.
          maxCachedSessions: 0,
        });
        connector(target, callback);
      },
    });
  }

  function agentOf(nodeId: number): Agent {
    const existing = agents.get(nodeId);
    if (existing) return existing;
    if (agents.size >= MAX_AGENTS) throw new Error(`more than ${MAX_AGENTS} peers`);
    const agent = createAgent(nodeId);
    agents.set(nodeId, agent);
    return agent;
  }

  return {
    fetch({ nodeId, address }, path, init = {}) {
      return fetch(`https://${address}${path}`, { ...init, redirect: 'error', dispatcher: agentOf(nodeId) });
    },
    async forget(nodeId) {
      const agent = agents.get(nodeId);
      agents.delete(nodeId);
      await agent?.destroy();
    },
    async close() {
      const all = [...agents.values()];
      agents.clear();
      await Promise.all(all.map((agent) => agent.destroy()));
    },
  };
}
