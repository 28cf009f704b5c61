import type { EtcdClient, EtcdWatch } from './etcd/client';
import { EtcdError } from './etcd/errors';
import { COMPARE_EQUAL, TARGET_VALUE } from './etcd/proto';
import { genesisKey, logKey, readGenesis, type StoredGenesis } from './etcd-log-genesis';
import { EpochChanged, LogGap, LogUnavailable } from './log';

/** Each step of the search at least halves what is left, unless other programs write between our entries. */
const MAX_SEARCH_STEPS = 64;

/** Newest entry of the epoch, linearizably. All zero but `index` (the base) while the epoch is empty. */
export interface LogTip {
  readonly index: number;
  readonly version: number;
  readonly modRevision: number;
}

/** What the log needs to know of etcd: one key's versions, and whether the epoch's genesis is in force. */
export interface LogSource {
  readonly logKey: Buffer;
  readonly genesisKey: Buffer;
  /** The genesis of our epoch. @throws EpochChanged @throws EtcdError @throws LogUnavailable none was written */
  genesis(): Promise<StoredGenesis>;
  /** Only while our epoch is in force. @throws EpochChanged @throws EtcdError */
  tip(signal?: AbortSignal): Promise<LogTip>;
  /** Version of the log key at an old revision (0 = not yet written); null when compacted. @throws EtcdError */
  versionAt(revision: number): Promise<{ version: number; modRevision: number } | null>;
  /** Revision that wrote `version`; null when compacted, or not found within bounds. @throws EtcdError */
  revisionOf(version: number, tip: LogTip): Promise<number | null>;
  /** Watches genesis and log key together, in one order. @throws EtcdError */
  watch(startRevision: number): Promise<EtcdWatch>;
  avoid(endpoint: string): void;
  /** Checks a genesis seen on the watch. @throws EpochChanged */
  checkGenesis(seen: StoredGenesis): void;
  /** The watch met the end of our epoch. @throws EpochChanged */
  end(next: number): never;
  /** Why nothing may be appended: the last sign of our genesis was that it is not in force. */
  readonly refusal: Error | undefined;
}

export function createLogSource(client: EtcdClient, prefix: string, epoch: number): LogSource {
  const key = logKey(prefix, epoch);
  const epochKey = genesisKey(prefix);
  let known: StoredGenesis | null = null;
  let refusal: Error | undefined;

  function refuse(why: Error): never {
    refusal = why;
    throw why;
  }

  async function genesis(): Promise<StoredGenesis> {
    if (known) return known;
    const found = await readGenesis(client, prefix);
    if (!found)
      throw new LogUnavailable(`etcd holds no epoch record at ${prefix}/epoch: this log was never started there`);
    if (found.epoch !== epoch) throw new EpochChanged(epoch, found.epoch);
    known = found;
    return found;
  }

  function checkGenesis(seen: StoredGenesis): void {
    if (seen.epoch !== epoch) refuse(new EpochChanged(epoch, seen.epoch));
    if (known && !seen.bytes.equals(known.bytes)) refuse(new LogGap(`the record of epoch ${epoch} was rewritten`));
  }

  async function tip(signal?: AbortSignal): Promise<LogTip> {
    const { bytes, base_index: base } = await genesis();
    const answer = await client.call(
      'KV.Txn',
      {
        compare: [{ result: COMPARE_EQUAL, target: TARGET_VALUE, key: epochKey, value: bytes }],
        success: [{ request_range: { key, keys_only: true } }],
        failure: [],
      },
      { retry: 'safe', ...(signal ? { signal } : {}) },
    );
    if (!answer.succeeded) return guardFailed();
    refusal = undefined;
    const kv = answer.responses[0]?.response_range?.kvs[0];
    if (!kv) return { index: base, version: 0, modRevision: 0 };
    return { index: base + Number(kv.version), version: Number(kv.version), modRevision: Number(kv.mod_revision) };
  }

  /** Another genesis is in force, or none. */
  async function guardFailed(): Promise<never> {
    const found = await readGenesis(client, prefix);
    if (!found) return refuse(new LogUnavailable(`the epoch record at ${prefix}/epoch is gone`));
    checkGenesis(found);
    throw new LogUnavailable('etcd refused the epoch guard');
  }

  async function versionAt(revision: number): Promise<{ version: number; modRevision: number } | null> {
    try {
      const answer = await client.call('KV.Range', { key, keys_only: true, revision }, { retry: 'safe' });
      const kv = answer.kvs[0];
      return { version: Number(kv?.version ?? 0), modRevision: Number(kv?.mod_revision ?? 0) };
    } catch (error) {
      if (error instanceof EtcdError && error.kind === 'compacted') return null;
      throw error;
    }
  }

  async function revisionOf(version: number, from: LogTip): Promise<number | null> {
    // Each version takes at least one revision, so entry v lies at or below (revision of w) - (w - v), for any w > v.
    // With no other writer in etcd that bound is the answer, at once.
    let at = { version: from.version, modRevision: from.modRevision };
    for (let step = 0; step < MAX_SEARCH_STEPS; step += 1) {
      if (at.version === version) return at.modRevision;
      if (at.version < version) return null;
      const found = await versionAt(at.modRevision - (at.version - version));
      if (!found) return null;
      at = found;
    }
    return null;
  }

  return {
    logKey: key,
    genesisKey: epochKey,
    genesis,
    tip,
    versionAt,
    revisionOf,
    checkGenesis,
    end: (next) => refuse(new EpochChanged(epoch, next)),
    get refusal() {
      return refusal;
    },
    watch: (startRevision) =>
      // "<prefix>/epoch" sorts before "<prefix>/log/<epoch>": one range covers both and keeps their order.
      client.watch({ key: epochKey, range_end: Buffer.concat([key, Buffer.of(0)]), start_revision: startRevision }),
    avoid: (endpoint) => client.avoid(endpoint),
  };
}
