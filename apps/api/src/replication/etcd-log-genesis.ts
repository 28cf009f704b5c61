import type { EtcdClient } from './etcd/client';
import { COMPARE_EQUAL, type Compare, type KeyValue, TARGET_VALUE, TARGET_VERSION } from './etcd/proto';
import { epochEnd } from './etcd-log-value';

/** First record of an epoch: what its log continues from. */
export interface Genesis {
  readonly epoch: number;
  /** Index of the last entry before this epoch; the epoch's first entry is one more. */
  readonly base_index: number;
  /** Hash chain (hex) at `base_index`. */
  readonly chain: string;
  /** The epoch begins with a restore: what to put in place of the state at `base_index`. */
  readonly restore?: unknown;
  /** Whose log this is: several clusters may share an etcd. Absent in records of earlier versions. */
  readonly cluster?: string;
}

/** A genesis as it stands in etcd: its bytes tell whether it is still in force. */
export interface StoredGenesis extends Genesis {
  readonly bytes: Buffer;
  readonly modRevision: number;
}

export type GenesisWrite =
  | { readonly written: true }
  /**
   * Another genesis stands there; null = none, where `replaces` named one. `used`: there are entries of that epoch already, as
   * in an etcd that was set back.
   */
  | { readonly written: false; readonly current: StoredGenesis | null; readonly used: boolean };

export const genesisKey = (prefix: string): Buffer => Buffer.from(`${prefix}/epoch`);
export const logKey = (prefix: string, epoch: number): Buffer => Buffer.from(`${prefix}/log/${epoch}`);

/** The genesis in force, read linearizably; null when none was written. @throws EtcdError */
export async function readGenesis(client: EtcdClient, prefix: string): Promise<StoredGenesis | null> {
  const answer = await client.call('KV.Range', { key: genesisKey(prefix) }, { retry: 'safe' });
  const kv = answer.kvs[0];
  return kv ? parseGenesis(kv) : null;
}

/**
 * Writes the genesis of an epoch, only where none stands yet, or only in place of `replaces` (a restore), whose log it
 * ends in the same transaction; never over a log that has entries. Repeating it after an unknown outcome is safe: finding one's own genesis counts as written.
 * With `unchanged`, it is written only while that key has that version: nothing was appended meanwhile.
 * @throws RangeError a number that is no safe integer, or an epoch that doesn't grow
 * @throws EtcdError
 */
export async function writeGenesis(
  client: EtcdClient,
  prefix: string,
  genesis: Genesis,
  replaces: StoredGenesis | null = null,
  unchanged?: { readonly key: Buffer; readonly version: number },
): Promise<GenesisWrite> {
  if (!Number.isSafeInteger(genesis.epoch) || genesis.epoch <= (replaces?.epoch ?? 0)) {
    throw new RangeError(`epoch ${genesis.epoch} must be above ${replaces?.epoch ?? 0}`);
  }
  if (!Number.isSafeInteger(genesis.base_index) || genesis.base_index < 0) {
    throw new RangeError(`base_index ${genesis.base_index} must be a whole number from 0`);
  }
  const key = genesisKey(prefix);
  const value = Buffer.from(
    JSON.stringify({
      epoch: genesis.epoch,
      base_index: genesis.base_index,
      chain: genesis.chain,
      restore: genesis.restore,
      cluster: genesis.cluster,
    }),
  );
  const compare: Compare[] = [
    replaces
      ? { result: COMPARE_EQUAL, target: TARGET_VALUE, key, value: replaces.bytes }
      : { result: COMPARE_EQUAL, target: TARGET_VERSION, key, version: 0 },
  ];
  const log = logKey(prefix, genesis.epoch);
  compare.push({ result: COMPARE_EQUAL, target: TARGET_VERSION, key: log, version: 0 });
  if (unchanged) compare.push({ result: COMPARE_EQUAL, target: TARGET_VERSION, ...unchanged });
  const ended = replaces ? [{ key: logKey(prefix, replaces.epoch), value: epochEnd(genesis.epoch) }] : [];
  const success = [{ key, value }, ...ended].map((put) => ({ request_put: put }));
  const answer = await client.call(
    'KV.Txn',
    { compare, success, failure: [key, log].map((one) => ({ request_range: { key: one } })) },
    { retry: 'safe' },
  );
  if (answer.succeeded) return { written: true };
  const [kv, entry] = answer.responses.map(({ response_range: found }) => found?.kvs[0]);
  if (kv?.value.equals(value)) return { written: true };
  return { written: false, current: kv ? parseGenesis(kv) : null, used: entry !== undefined };
}

/** @throws Error the record is not a genesis: the prefix belongs to something else */
export function parseGenesis(kv: KeyValue): StoredGenesis {
  let record: Partial<Genesis> | null = null;
  try {
    record = JSON.parse(kv.value.toString('utf8')) as Partial<Genesis> | null;
  } catch {
    // Reported below, like any other foreign content.
  }
  const { epoch, base_index, chain, restore, cluster } = record ?? {};
  if (!Number.isSafeInteger(epoch) || !Number.isSafeInteger(base_index) || typeof chain !== 'string') {
    throw new Error(
      `etcd key ${kv.key.toString('utf8')} holds no epoch record: is this prefix used by another program?`,
    );
  }
  return {
    epoch: Number(epoch),
    base_index: Number(base_index),
    chain,
    ...(restore === undefined ? {} : { restore }),
    ...(typeof cluster === 'string' ? { cluster } : {}),
    bytes: kv.value,
    modRevision: Number(kv.mod_revision),
  };
}
