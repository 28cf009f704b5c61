import { type BalancerReport, balancerReportSchema, MAX_BALANCERS } from '@quorate/shared/haproxy-balancers';
import { nodeName } from '@quorate/shared/names';
import { count, eq } from 'drizzle-orm';
import { z } from 'zod';
import { type Actor, defineCommand } from '../../commands/define-command';
import { DomainError } from '../../commands/domain-error';
import type { StateDb } from '../../db/state-store';
import { apiTokens } from '../../resources/api-tokens/table';
import { type BalancerRow, haproxyBalancers } from './table';

export const findBalancer = (db: StateDb, name: string): BalancerRow | undefined =>
  db.select().from(haproxyBalancers).where(eq(haproxyBalancers.name, name)).get();

const tokenOf = (actor: Actor): string | null => (actor.kind === 'api_token' ? actor.id : null);

/**
 * A name belongs to the token that reported it first, for as long as that token exists: one balancer cannot speak for
 * another. `trusted`: the caller may change the settings anyway.
 * @throws DomainError forbidden
 */
export function requireOwner(db: StateDb, row: BalancerRow | undefined, actor: Actor, trusted: boolean): void {
  if (trusted || !row?.tokenId || row.tokenId === tokenOf(actor)) return;
  const owner = db.select().from(apiTokens).where(eq(apiTokens.id, row.tokenId)).get();
  if (!owner) return;
  const cure = `use another name, revoke that token, or have an operator remove the load balancer ${row.name}`;
  throw new DomainError('forbidden', `the API token ${owner.name} reports for ${row.name}; ${cure}`);
}

/** By value: a report that went through JSON is another object, with its keys in whatever order. */
export const sameReport = (a: BalancerReport, b: BalancerReport): boolean =>
  (Object.keys(balancerReportSchema.shape) as (keyof BalancerReport)[]).every((key) => a[key] === b[key]);

export const reportBalancer = defineCommand({
  type: 'haproxy.balancers.report',
  since: 1,
  audited: false,
  input: z.object({ name: nodeName, report: balancerReportSchema, trusted: z.boolean() }),
  apply(tx, { name, report, trusted }, ctx) {
    const before = findBalancer(tx, name);
    requireOwner(tx, before, ctx.actor, trusted);
    const row = { report, tokenId: tokenOf(ctx.actor), reportedBy: ctx.actor.name, reportedAt: ctx.at };
    if (before) {
      const isSame = sameReport(before.report, report);
      if (isSame && before.tokenId === row.tokenId) return;
      tx.update(haproxyBalancers).set(row).where(eq(haproxyBalancers.name, name)).run();
    } else {
      const known = tx.select({ n: count() }).from(haproxyBalancers).get()?.n ?? 0;
      if (known >= MAX_BALANCERS)
        throw new DomainError('conflict', `there are ${MAX_BALANCERS} load balancers; remove those that are gone`);
      tx.insert(haproxyBalancers)
        .values({ name, ...row })
        .run();
      ctx.event('haproxy.balancer_added', `the load balancer ${name} reports to the cluster`, { balancer: name });
    }
    const [was, is] = [before?.report.state ?? 'applied', report.state];
    if (is !== 'applied' && (is !== was || before?.report.detail !== report.detail)) {
      const what = is === 'rejected' ? 'refuses the newest configuration' : 'could not reload';
      ctx.event('haproxy.balancer_failing', `the load balancer ${name} ${what}: ${report.detail}`, { balancer: name });
    } else if (is === 'applied' && was !== 'applied') {
      ctx.event('haproxy.balancer_recovered', `the load balancer ${name} runs the newest configuration again`, {
        balancer: name,
      });
    }
  },
});

export const removeBalancer = defineCommand({
  type: 'haproxy.balancers.remove',
  since: 1,
  input: z.object({ name: nodeName }),
  target: (input) => `haproxy/balancers/${input.name}`,
  apply(tx, { name }, ctx) {
    if (!findBalancer(tx, name))
      throw new DomainError('not_found', `there is no load balancer ${name}; see GET /v1/haproxy/balancers`);
    tx.delete(haproxyBalancers).where(eq(haproxyBalancers.name, name)).run();
    ctx.event('haproxy.balancer_removed', `${ctx.actor.name} removed the load balancer ${name}`, { balancer: name });
  },
});

export const balancerCommands = [reportBalancer, removeBalancer];
