import { DomainError } from '../commands/domain-error';
import type { StateDb } from '../db/state-store';
import { clusterInfo } from '../resources/setup/table';

/** The record of the cluster. @throws DomainError not_ready where the state has none yet */
export const requireInfo = (db: StateDb) => {
  const info = db.select().from(clusterInfo).get();
  if (!info) throw new DomainError('not_ready', 'this node has no cluster state yet; try again shortly', [], 1);
  return info;
};
