import { balancerRoutes, type HaproxyBalancer } from '@quorate/shared/haproxy-balancers';
import { asc, desc, eq } from 'drizzle-orm';
import { DomainError } from '../../commands/domain-error';
import type { StateDb } from '../../db/state-store';
import { type Endpoint, endpoint, type RequestContext } from '../../http/endpoint';
import { toTimestamp } from '../../lib/clock';
import { currentConfig, etagOf, type HaproxySource } from '../current';
import { haproxyRevisions } from '../table';
import { createChangeLimit } from './change-limit';
import { findBalancer, removeBalancer, reportBalancer, requireOwner, sameReport } from './commands';
import type { BalancerSightings } from './sightings';
import { type BalancerRow, haproxyBalancers } from './table';

export interface BalancerDeps {
  readonly source: HaproxySource;
  readonly sightings: BalancerSightings;
  /** A node without a quorum does not know what is newest: balancers shall ask another one. */
  readonly quorumHeld: () => boolean;
}

function statusOf(row: BalancerRow, silent: boolean, currentEtag: string): HaproxyBalancer['status'] {
  if (silent) return 'silent';
  if (row.report.state !== 'applied') return 'failing';
  return row.report.etag === currentEtag ? 'current' : 'stale';
}

function isTrusted(ctx: RequestContext): boolean {
  const { principal } = ctx;
  const trusted = principal?.role === 'operator' || principal?.role === 'admin';
  if (!trusted && principal?.kind !== 'api_token') {
    const cure = 'use an API token, for which the role viewer is enough, or the role operator';
    throw new DomainError('forbidden', `this is for load balancers; ${cure}`);
  }
  return trusted;
}

export function balancerEndpoints({ source, sightings, quorumHeld }: BalancerDeps): Endpoint[] {
  const limit = createChangeLimit();

  function createView(db: StateDb): (row: BalancerRow) => HaproxyBalancer {
    const etags = new Map<string | null, string>();
    const etagFor = (version: BalancerRow['report']['made_for']): string => {
      const known = etags.get(version) ?? etagOf(currentConfig(db, source, version ?? undefined).config);
      etags.set(version, known);
      return known;
    };
    const revisionOf = (etag: string | null): number | null => {
      if (etag === null) return null;
      const same = eq(haproxyRevisions.etag, etag);
      const { revision } = haproxyRevisions;
      return db.select({ revision }).from(haproxyRevisions).where(same).orderBy(desc(revision)).get()?.revision ?? null;
    };
    return (row) => {
      const { name, report } = row;
      const heardAt = sightings.lastHeardAt(name);
      return {
        name,
        status: statusOf(row, sightings.isSilent(name), etagFor(report.made_for)),
        ...report,
        revision: revisionOf(report.etag),
        reported_by: row.reportedBy,
        reported_at: toTimestamp(row.reportedAt),
        last_heard_at: heardAt === null ? null : toTimestamp(heardAt),
      };
    };
  }

  return [
    endpoint(balancerRoutes.list, (ctx) => {
      const rows = ctx.db.select().from(haproxyBalancers).orderBy(asc(haproxyBalancers.name)).all();
      return { items: rows.map(createView(ctx.db)) };
    }),
    endpoint(balancerRoutes.report, async (ctx, { params: { name }, body: report }) => {
      const trusted = isTrusted(ctx);
      if (!quorumHeld()) throw new DomainError('no_quorum', 'this node has no quorum; report to another one', [], 1);
      const before = findBalancer(ctx.db, name);
      requireOwner(ctx.db, before, ctx.actor, trusted);
      if (!before || !sameReport(before.report, report)) {
        limit.take(ctx.actor.id);
        await ctx.propose(reportBalancer, { name, report, trusted });
      }
      sightings.note(name);
      const row = findBalancer(ctx.db, name);
      if (!row) throw new DomainError('not_found', `the load balancer ${name} was removed in the meantime`);
      return createView(ctx.db)(row);
    }),
    endpoint(balancerRoutes.remove, async (ctx, { params }) => {
      await ctx.propose(removeBalancer, params);
      sightings.forget(params.name);
    }),
  ];
}
