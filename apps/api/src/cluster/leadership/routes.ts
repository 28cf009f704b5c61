import { type Failover, failoverRoutes } from '@quorate/shared/failovers';
import { desc, eq, lt, sql } from 'drizzle-orm';
import { alias } from 'drizzle-orm/sqlite-core';
import type { StateDb } from '../../db/state-store';
import { type Endpoint, endpoint } from '../../http/endpoint';
import { numberCursor, pageOf } from '../../http/page';
import { toTimestamp } from '../../lib/clock';
import type { Proposer } from '../../replication/proposer';
import type { Membership } from '../membership';
import { recordFailoverTest } from './commands';
import { testFailover } from './failover-test';
import { failovers, leadershipTerms } from './table';

const previous = alias(leadershipTerms, 'previous');
const previousTerm = sql`(select max(earlier.term) from leadership_terms earlier where earlier.term < ${leadershipTerms.term})`;

/** The first leader of a cluster took over from nobody: it is no failover. */
function listFailovers(db: StateDb, before: number, limit: number): Failover[] {
  return db
    .select({ led: leadershipTerms, from: previous.nodeId, cost: failovers })
    .from(leadershipTerms)
    .innerJoin(previous, eq(previous.term, previousTerm))
    .leftJoin(failovers, eq(failovers.term, leadershipTerms.term))
    .where(lt(leadershipTerms.term, before))
    .orderBy(desc(leadershipTerms.term))
    .limit(limit)
    .all()
    .map(({ led, from, cost }) => ({
      term: led.term,
      from,
      to: led.nodeId,
      at: toTimestamp(led.at),
      reason: (cost?.reason ?? 'unknown') as Failover['reason'],
      requested_by: cost?.requestedBy ?? '',
      write_gap_ms: cost?.writeGapMs ?? null,
      measured_from: (cost?.measuredFrom ?? null) as Failover['measured_from'],
      probe_gap_ms: cost?.probeGapMs ?? null,
    }));
}

export function failoverEndpoints(deps: { membership: Membership; proposer: Proposer }): Endpoint[] {
  return [
    endpoint(failoverRoutes.list, (ctx, { query }) => {
      const rows = listFailovers(ctx.db, numberCursor(query.cursor), query.limit + 1);
      const asIs = (row: Failover): Failover => row;
      return pageOf(ctx, failoverRoutes.list.path, rows, query.limit, (row) => row.term, asIs);
    }),
    endpoint(failoverRoutes.test, (ctx, { body }) =>
      ctx.once(async () => {
        const result = await testFailover(deps, body.to, ctx.actor.name);
        const { from: fromNode, to: toNode, term, write_gap_ms: probeGapMs } = result;
        await ctx.propose(recordFailoverTest, { term, fromNode, toNode, probeGapMs });
        return result;
      }),
    ),
  ];
}
