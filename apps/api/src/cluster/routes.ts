import { clusterRoutes, type Member } from '@quorate/shared/cluster';
import { DomainError } from '../commands/domain-error';
import { type Endpoint, endpoint } from '../http/endpoint';
import { recordTransfer } from './leadership/commands';
import { setMemberDrained } from './members/commands';
import type { Membership } from './membership';
import type { ClusterView } from './view';

export function clusterEndpoints(deps: { view: ClusterView; membership: Membership }): Endpoint[] {
  const { view, membership } = deps;
  const memberView = (id: number): Member => {
    const found = view.members().find((member) => member.id === id);
    if (!found) throw new DomainError('not_found', `there is no member ${id}`);
    return found;
  };
  return [
    endpoint(clusterRoutes.get, () => view.cluster()),
    endpoint(clusterRoutes.members, () => ({ items: view.members(), next_cursor: null })),
    endpoint(clusterRoutes.member, (_ctx, { params }) => memberView(params.id)),
    endpoint(clusterRoutes.removeMember, (ctx, { params, query }) =>
      membership.remove(ctx, params.id, { dryRun: query.dry_run, force: query.force }),
    ),
    endpoint(clusterRoutes.drainMember, async (ctx, { params }) => {
      if (view.members().length === 1) {
        throw new DomainError('single_mode', 'this is the only node; nothing could take over its service');
      }
      await ctx.propose(setMemberDrained, { id: params.id, drained: true });
      return memberView(params.id);
    }),
    endpoint(clusterRoutes.resumeMember, async (ctx, { params }) => {
      await ctx.propose(setMemberDrained, { id: params.id, drained: false });
      return memberView(params.id);
    }),
    endpoint(clusterRoutes.transferLeadership, (ctx, { body }) =>
      ctx.once(async () => {
        const why = { reason: 'transfer', requestedBy: ctx.actor.name } as const;
        return ctx.propose(recordTransfer, await membership.transferLeadership(body.to, why));
      }),
    ),
  ];
}
