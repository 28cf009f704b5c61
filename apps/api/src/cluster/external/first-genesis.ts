import { DomainError } from '../../commands/domain-error';
import type { EtcdClient } from '../../replication/etcd/client';
import { type Genesis, logKey, writeGenesis } from '../../replication/etcd-log-genesis';

/**
 * Begins the log of a node that grows. Where etcd is shared, an earlier attempt of this node may have left a record: it is
 * replaced as long as nothing was ever appended under it, since nobody was told that it counts.
 *
 * @returns the record that stands
 * @throws DomainError external_etcd the prefix is another cluster's
 * @throws EtcdError
 */
export async function writeFirstGenesis(
  client: EtcdClient,
  prefix: string,
  genesis: Genesis & { readonly cluster: string },
): Promise<Genesis> {
  const write = await writeGenesis(client, prefix, genesis);
  if (write.written) return genesis;
  const { current } = write;
  if (current?.cluster === genesis.cluster) {
    const next = { ...genesis, epoch: Math.max(genesis.epoch, current.epoch + 1) };
    const unused = { key: logKey(prefix, current.epoch), version: 0 };
    if ((await writeGenesis(client, prefix, next, current, unused)).written) return next;
  }
  throw new DomainError(
    'external_etcd',
    `this etcd holds the log of another cluster under ${prefix}; set another cluster.token, the same on every member of this one`,
  );
}
