import { replicaRoutes } from '@quorate/shared/replicas';
import { DomainError } from '../commands/domain-error';
import { type Endpoint, endpoint } from '../http/endpoint';
import { alarmEndpoints } from './alarms/routes';
import type { Care } from './care';
import type { Journal } from './journal';
import { snapshotEndpoints } from './snapshots/routes';

/** Alarms, snapshots and the comparison of replicas. */
export function careEndpoints(deps: { care: Care; journal: Journal; nodeId: number }): Endpoint[] {
  const { care, journal, nodeId } = deps;
  return [
    ...alarmEndpoints(care),
    ...snapshotEndpoints({ keeper: care.snapshots, nodeId }),
    endpoint(replicaRoutes.get, () => ({ check: care.checkpoints.view() })),
    endpoint(replicaRoutes.check, (ctx) =>
      ctx.once(async () => {
        if (journal.mode === 'single') throw new DomainError('single_mode', 'there is no other member to compare with');
        return { index: await care.checkpoints.take() };
      }),
    ),
  ];
}
