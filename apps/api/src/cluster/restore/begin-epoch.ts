import { DomainError } from '../../commands/domain-error';
import { delay } from '../../lib/async';
import type { Applier } from '../../replication/applier';
import type { Barrier } from '../../replication/barrier';
import type { EtcdClient } from '../../replication/etcd/client';
import { EtcdError } from '../../replication/etcd/errors';
import { type Genesis, logKey, readGenesis, writeGenesis } from '../../replication/etcd-log-genesis';
import { createLogSource } from '../../replication/etcd-log-source';

const ATTEMPTS = 30;
const PAUSE_MS = 50;

/**
 * Begins the next epoch right after the last entry of this one, in one transaction that takes effect only if nothing was
 * appended meanwhile. It carries the order to restore: the one entry that every node meets at the same place of the log.
 *
 * @throws DomainError conflict: another epoch began; overloaded: other writers were quicker each time
 * @throws DomainError no_quorum; outcome_unknown: it may have begun
 * @throws EtcdError what was read before could not be had: nothing has changed
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
      const write = await writeGenesis(client, prefix, next, before, unchanged).catch(inOurTerms);
      if (write.written) return next;
      if (write.current?.epoch !== epoch) throw elsewhere();
      if (write.used) throw setBack(epoch + 1);
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

/** Whoever asked for the restore must not take a lost answer for a refusal. */
function inOurTerms(error: unknown): never {
  if (!(error instanceof EtcdError)) throw error;
  if (error.outcome !== 'unknown') {
    throw new DomainError(
      'no_quorum',
      `a majority of the voters cannot be reached, so nothing has changed: ${error.message}`,
      [],
      2,
    );
  }
  const detail =
    'etcd stopped answering in the moment of the switch: every node goes on with the old state, or every node with the restored one';
  throw new DomainError(
    'outcome_unknown',
    `${detail}; the epoch in GET /v1/cluster says which, once a quorum is there`,
  );
}

const setBack = (epoch: number): DomainError =>
  new DomainError(
    'conflict',
    `etcd holds entries of epoch ${epoch} already, which has not begun: it was set back to an older state. Begin anew with "quorated recover"`,
  );

const elsewhere = (): DomainError =>
  new DomainError('conflict', 'another restore or growth began meanwhile; look at GET /v1/cluster/restore');
