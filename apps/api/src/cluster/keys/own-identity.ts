import type { StateDb } from '../../db/state-store';
import type { ClusterTls } from '../peer-client';
import { type Identity, saveIdentity } from '../pki/identity';

/** What this node shows and trusts, and its copy of the cluster key: on disk first, then in use. */
export interface OwnIdentity {
  identity(): Identity;
  tls(): ClusterTls;
  /** Stores another certificate or other CAs, and puts them to use for new connections. */
  use(next: Identity): void;
  adoptClusterKey(clusterKey: Uint8Array): void;
  /** Called when the certificate or the CAs changed. */
  onTls(listen: (identity: Identity) => void): void;
}

export function createOwnIdentity(options: { dataDir: string; initial: Identity; db: () => StateDb }): OwnIdentity {
  let current = options.initial;
  const listeners = new Set<(identity: Identity) => void>();

  function store(next: Identity): void {
    saveIdentity(options.dataDir, next);
    current = next;
  }

  return {
    identity: () => current,
    tls: () => ({ ca: current.caPem, cert: current.certPem, key: current.keyPem }),
    use(next) {
      store(next);
      for (const listen of listeners) listen(next);
    },
    adoptClusterKey(clusterKey) {
      // A power cut may take the last entries back, and what was before them opens only with the old key.
      options.db().$client.pragma('wal_checkpoint(PASSIVE)');
      store({ ...current, clusterKey });
    },
    onTls: (listen) => void listeners.add(listen),
  };
}
