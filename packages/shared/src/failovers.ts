import { z } from 'zod';
import { nodeId } from './names';
import { pageOf, pageQuery, timestamp } from './pagination';
import { defineRoute } from './route';

/** `crash`: the old leader did not answer afterwards; it may also have been cut off. */
export const FAILOVER_REASONS = ['transfer', 'test', 'drain', 'removal', 'shutdown', 'crash', 'unknown'] as const;
export type FailoverReason = (typeof FAILOVER_REASONS)[number];

/** `last_write`: writes were flowing. `leader_last_seen`: they were not, so the time without a leader is what is known. */
export const MEASURED_FROM = ['last_write', 'leader_last_seen'] as const;

export const failoverSchema = z
  .object({
    term: z.int().describe('The term that the new leader began.'),
    from: nodeId,
    to: nodeId.describe('May be the same node: it lost leadership and won it again.'),
    at: timestamp.describe('When the new term was recorded.'),
    reason: z.enum(FAILOVER_REASONS),
    requested_by: z.string().describe('Who asked for it; empty when nobody did.'),
    write_gap_ms: z
      .int()
      .nullable()
      .describe('Time without a committed entry around the change, as the new leader saw it; null = not measured.'),
    measured_from: z
      .enum(MEASURED_FROM)
      .nullable()
      .describe(
        '`last_write`: from the last entry committed under the old leader. `leader_last_seen`: nothing was written in the second before, so from the last moment at which the new leader still saw the old one.',
      ),
    probe_gap_ms: z
      .int()
      .nullable()
      .describe('Of a test: the longest time between two acknowledged writes of the probe.'),
  })
  .meta({ id: 'Failover' });
export type Failover = z.infer<typeof failoverSchema>;

export const failoverTestSchema = z
  .object({
    from: nodeId,
    to: nodeId,
    term: z.int(),
    write_gap_ms: z.int().describe('Longest time between two acknowledged writes of the probe.'),
    usual_write_ms: z.number().describe('Median time of a write of the probe, for comparison.'),
    writes: z.int().describe('Writes of the probe that were acknowledged.'),
    failed_writes: z.int().describe('Writes of the probe that were refused or stayed without an answer.'),
  })
  .meta({ id: 'FailoverTest' });
export type FailoverTest = z.infer<typeof failoverTestSchema>;

export const failoverRoutes = {
  list: defineRoute({
    id: 'failovers.list',
    method: 'get',
    path: '/v1/cluster/failovers',
    access: 'viewer',
    tag: 'Cluster',
    summary: 'Changes of leadership with what they cost, newest first',
    query: pageQuery,
    response: pageOf(failoverSchema),
  }),
  test: defineRoute({
    id: 'failovers.test',
    method: 'post',
    path: '/v1/cluster/failovers',
    access: 'admin',
    tag: 'Cluster',
    summary: 'Test a failover: hand leadership over while a probe writes, and measure the gap',
    body: z.object({
      to: nodeId.nullable().default(null).describe('Id of the next leader; null = the most advanced voter.'),
    }),
    response: failoverTestSchema,
    errors: ['single_mode', 'not_found', 'not_caught_up', 'conflict', 'membership_change_in_progress'],
  }),
};
