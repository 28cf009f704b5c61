import { type Join, joinRoutes } from '@quorate/shared/joins';
import { and, desc, isNotNull, ne } from 'drizzle-orm';
import { type Endpoint, endpoint } from '../../http/endpoint';
import { numberCursor, pageOf } from '../../http/page';
import { type Clock, toTimestamp } from '../../lib/clock';
import { joinTokenRedemptions } from '../join-tokens/table';
import { type Member, members } from '../members/table';

export interface JoinsDeps {
  readonly clock: Clock;
  /** How far a learner has caught up, as this node knows; undefined when it does not. */
  readonly progress: (nodeId: number) => { readonly percent: number } | undefined;
}

/** A join that stands still this long will not finish by itself. */
export const DANGLING_AFTER_MS = 15 * 60_000;

/** Whether a member was admitted long ago and never became a voter. */
export const isDangling = (member: Pick<Member, 'state' | 'stageAt'>, now: number): boolean =>
  (member.state === 'joining' || member.state === 'learner') && now - member.stageAt > DANGLING_AFTER_MS;

function stageOf(member: Member, percent: number | undefined): Join['stage'] {
  if (member.state === 'voter') return 'voter';
  if (member.state === 'joining') return 'admitted';
  return percent !== undefined && percent >= 100 ? 'caught_up' : 'learner';
}

const DETAILS: Partial<Record<Join['stage'], string>> = {
  admitted: 'Waiting for the node to start its Raft member. Is quorated running there?',
  learner: 'Catching up with the log; it has no vote yet.',
  caught_up: 'Caught up; it becomes a voter when it has been stable for a moment.',
};

function detailOf(member: Member, stage: Join['stage'], dangling: boolean): string {
  if (!dangling) return DETAILS[stage] ?? '';
  return (
    `Stopped at this stage. Start quorated on ${member.name} again to resume, ` +
    `or remove it with: quorate cluster remove ${member.id}`
  );
}

export function joinEndpoints(deps: JoinsDeps): Endpoint[] {
  return [
    endpoint(joinRoutes.list, (ctx, { query }) => {
      const rows = ctx.db
        .select()
        .from(members)
        .where(and(isNotNull(members.tokenId), ne(members.state, 'removed')))
        .orderBy(desc(members.joinedAt), desc(members.id))
        .all();
      // At most 63 rows ever: the page is cut here, by position.
      const from = query.cursor === undefined ? 0 : numberCursor(query.cursor);
      const numbered = rows.map((member, position) => ({ member, position }));
      const redemptions = ctx.db.select().from(joinTokenRedemptions).all();
      const now = deps.clock();
      const view = ({ member }: { member: Member }): Join => {
        const percent = member.state === 'learner' ? deps.progress(member.id)?.percent : undefined;
        const stage = stageOf(member, percent);
        const dangling = isDangling(member, now);
        const redemption = redemptions.find((row) => row.nodeId === member.id && row.tokenId === member.tokenId);
        return {
          node_id: member.id,
          node_name: member.name,
          address: redemption?.address ?? member.clusterAddress,
          token_id: member.tokenId ?? '',
          stage,
          caught_up_percent: percent ?? null,
          state: member.state === 'voter' ? 'done' : dangling ? 'dangling' : 'running',
          detail: detailOf(member, stage, dangling),
          started_at: toTimestamp(member.joinedAt),
          updated_at: toTimestamp(member.stageAt),
        };
      };
      const page = numbered.slice(from, from + query.limit + 1);
      return pageOf(ctx, joinRoutes.list.path, page, query.limit, (row) => row.position + 1, view);
    }),
  ];
}
