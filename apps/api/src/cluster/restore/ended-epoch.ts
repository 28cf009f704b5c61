import type { Applier } from '../../replication/applier';
import type { EtcdClient } from '../../replication/etcd/client';
import { EtcdError } from '../../replication/etcd/errors';
import type { KeyValue } from '../../replication/etcd/proto';
import { logKey, type StoredGenesis } from '../../replication/etcd-log-genesis';
import { createLogSource } from '../../replication/etcd-log-source';
import { unpackEntry } from '../../replication/etcd-log-value';

/** Further behind, a snapshot is quicker. */
const MAX_ENTRIES = 10_000;

/**
 * Applies what the log of an ended epoch holds beyond this node's state, up to where the next epoch begins. Nodes that
 * lost power together have nobody else to ask: the end of the old log may be in etcd alone.
 *
 * @returns false when the entries are trimmed, or too many: the state must come from a peer
 * @throws EtcdError; whatever applying throws
 */
export async function finishEpoch(options: {
  client: EtcdClient;
  prefix: string;
  applier: Applier;
  next: StoredGenesis;
  signal: AbortSignal;
}): Promise<boolean> {
  const { client, prefix, applier, next } = options;
  const { epoch, index } = applier.position;
  const missing = next.base_index - index;
  if (next.epoch !== epoch + 1 || missing < 0 || missing > MAX_ENTRIES) return false;
  if (missing === 0) return true;
  const key = logKey(prefix, epoch);
  const read = async (revision?: string | number): Promise<KeyValue | undefined> =>
    (await client.call('KV.Range', { key, ...(revision ? { revision } : {}) }, { retry: 'safe' })).kvs[0];
  // Just before the new epoch began; what comes behind belongs to no log.
  const last = await read(next.modRevision - 1).catch(unlessCompacted);
  if (!last) return false;
  const base = next.base_index - Number(last.version);
  const tip = { index: next.base_index, version: Number(last.version), modRevision: Number(last.mod_revision) };
  const source = createLogSource(client, prefix, epoch);
  for (let at = index + 1; at <= next.base_index && !options.signal.aborted; at += 1) {
    const revision = await source.revisionOf(at - base, tip);
    const kv = revision === null ? undefined : await read(revision);
    if (!kv || Number(kv.version) !== at - base) return false;
    applier.apply({ epoch, index: at, cursor: kv.mod_revision, bytes: unpackEntry(kv.value) });
  }
  return applier.position.index === next.base_index;
}

function unlessCompacted(error: unknown): undefined {
  if (!(error instanceof EtcdError && error.kind === 'compacted')) throw error;
}
