import { z } from 'zod';
import { nodeId } from './names';
import { pageOf, pageQuery, timestamp } from './pagination';
import { defineRoute } from './route';

/** Stages of a join in order, as the joiner prints them and the console draws them. */
export const JOIN_STAGES = [
  'reached',
  'pinned',
  'admitted',
  'certificate_issued',
  'learner',
  'caught_up',
  'voter',
] as const;
export const joinStage = z.enum(JOIN_STAGES);
export type JoinStage = (typeof JOIN_STAGES)[number];

export const joinSchema = z
  .object({
    node_id: nodeId,
    node_name: z.string(),
    address: z.string(),
    token_id: z.uuid(),
    stage: joinStage,
    caught_up_percent: z.number().nullable().describe('0 to 100 while the learner catches up; null before that.'),
    state: z
      .enum(['running', 'done', 'dangling'])
      .describe('`dangling`: admitted long ago and never finished; remove it or let it be reaped.'),
    detail: z.string(),
    started_at: timestamp,
    updated_at: timestamp,
  })
  .meta({ id: 'Join' });
export type Join = z.infer<typeof joinSchema>;

export const joinRoutes = {
  list: defineRoute({
    id: 'joins.list',
    method: 'get',
    path: '/v1/joins',
    access: 'viewer',
    tag: 'Joining',
    summary: 'Joins with their live stage, newest first',
    query: pageQuery,
    response: pageOf(joinSchema),
  }),
};
