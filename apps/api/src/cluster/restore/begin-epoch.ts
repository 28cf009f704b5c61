import { DomainError } from '../../commands/domain-error';
import { delay } from '../../lib/async';
import type { Applier } from '../../replication/applier';
import type { Barrier } from '../../replication/barrier';
import type { EtcdClient } from '../../replication/etcd/client';
import { type Genesis, logKey, readGenesis, writeGenesis } from '../../replication/etcd-log-genesis';
import { createLogSource } from '../../replication/etcd-log-source';

const ATTEMPTS = 30;
const PAUSE_MS = 50;

/**
 * Begins the next epoch right after the last entry of this one, in one transaction that takes effect only if nothing was
 * appended meanwhile. It carries the order to restore: the one entry that every node meets at the same place of the log.
 *
 * @throws DomainError conflict: another epoch began; overloaded: other writers were quicker each time
 * @throws EtcdError, DomainError no_quorum
 */
export async function beginEpoch(options: {
  client: EtcdClient;
  prefix: string;
  applier: Applier;
  barrier: Barrier;
  /** What the new epoch begins with; see Genesis. */
  restore: unknown;
  /** Holds writes on every node that can be reached. */
  hold: () => Promise<void>;
}): Promise<Genesis> {
  const { client, prefix, applier, barrier } = options;
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    await options.hold();
    await barrier();
    const { epoch, index, chain } = applier.position;
    const before = await readGenesis(client, prefix);
    if (before?.epoch !== epoch) throw elsewhere();
    const tip = await createLogSource(client, prefix, epoch).tip();
    if (tip.index === index) {
      const base = { epoch: epoch + 1, base_index: index, chain: Buffer.from(chain).toString('hex') };
      const owner = before.cluster === undefined ? {} : { cluster: before.cluster };
      const next = { ...base, ...owner, restore: options.restore };
      const unchanged = { key: logKey(prefix, epoch), version: tip.version };
      const write = await writeGenesis(client, prefix, next, before, unchanged);
      if (write.written) return next;
      if (write.current?.epoch !== epoch) throw elsewhere();
    }
    await delay(PAUSE_MS);
  }
  throw new DomainError(
    'overloaded',
    'the cluster was too busy to switch; try again when there are fewer writes',
    [],
    5,
  );
}

const elsewhere = (): DomainError =>
  new DomainError('conflict', 'another restore or growth began meanwhile; look at GET /v1/cluster/restore');
