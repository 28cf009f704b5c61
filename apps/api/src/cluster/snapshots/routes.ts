import { type Snapshot, snapshotRoutes } from '@quorate/shared/snapshots';
import { DomainError } from '../../commands/domain-error';
import { type Endpoint, endpoint } from '../../http/endpoint';
import { toTimestamp } from '../../lib/clock';
import { SnapshotInvalid } from '../../replication/snapshot';
import type { KeptSnapshot } from './directory';
import type { SnapshotKeeper } from './keeper';

export function snapshotEndpoints(deps: { keeper: SnapshotKeeper; nodeId: number }): Endpoint[] {
  const view = ({ createdAt, chain: _chain, ...snapshot }: KeptSnapshot): Snapshot => ({
    node_id: deps.nodeId,
    ...snapshot,
    created_at: toTimestamp(createdAt),
  });
  async function make(): Promise<Snapshot> {
    try {
      return view(await deps.keeper.make());
    } catch (error) {
      if (!(error instanceof SnapshotInvalid)) throw error;
      const cure = 'it is replaced by that of another member; where there is none, see docs/journal.md';
      throw new DomainError('conflict', `the state file of this node is damaged (${error.message}): ${cure}`);
    }
  }
  return [
    endpoint(snapshotRoutes.list, () => ({ items: deps.keeper.list().map(view), next_cursor: null })),
    endpoint(snapshotRoutes.create, (ctx) => ctx.once(make, { harmless: true })),
  ];
}
