import type { BalancerReport } from '@quorate/shared/haproxy-balancers';
import { integer, sqliteTable, text } from 'drizzle-orm/sqlite-core';

/** What each load balancer last reported. When it was last heard of is not here: that changes all the time. */
export const haproxyBalancers = sqliteTable('haproxy_balancers', {
  name: text().primaryKey(),
  report: text({ mode: 'json' }).$type<BalancerReport>().notNull(),
  /** The API token that owns the name; null when a user reports. */
  tokenId: text('token_id'),
  reportedBy: text('reported_by').notNull(),
  reportedAt: integer('reported_at').notNull(),
});

export type BalancerRow = typeof haproxyBalancers.$inferSelect;
