import { clusterRoutes } from '@quorate/shared/cluster';
import { DomainError } from '../commands/domain-error';
import { type Endpoint, endpoint } from '../http/endpoint';
import type { Membership } from './membership';
import type { ClusterView } from './view';

export function clusterEndpoints(deps: { view: ClusterView; membership: Membership }): Endpoint[] {
  const { view, membership } = deps;
  return [
    endpoint(clusterRoutes.get, () => view.cluster()),
    endpoint(clusterRoutes.members, () => ({ items: view.members(), next_cursor: null })),
    endpoint(clusterRoutes.member, (_ctx, { params }) => {
      const found = view.members().find((member) => member.id === params.id);
      if (!found) throw new DomainError('not_found', `there is no member ${params.id}`);
      return found;
    }),
    endpoint(clusterRoutes.removeMember, (ctx, { params, query }) =>
      membership.remove(ctx, params.id, { dryRun: query.dry_run, force: query.force }),
    ),
    endpoint(clusterRoutes.transferLeadership, (_ctx, { body }) => membership.transferLeadership(body.to)),
  ];
}
