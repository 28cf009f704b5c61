import { z } from 'zod';
import { pageOf, pageQuery, timestamp } from './pagination';
import { defineRoute } from './route';

/** Every event type. `node-local` ones are observed by one node (`event_src_id`), the others are part of the replicated state. */
export const EVENT_TYPES = [
  'cluster.initialized',
  'cluster.setup',
  'cluster.grown',
  'leadership.gained',
  'leadership.lost',
  'state.has_leader',
  'state.is_leaderless',
  'members.changed',
  'member.admitted',
  'member.learner',
  'member.promoted',
  'member.removed',
  'member.drained',
  'member.resumed',
  'peer.connected',
  'peer.disconnected',
  'join_token.minted',
  'join_token.redeemed',
  'join_token.revoked',
  'user.created',
  'user.updated',
  'user.deleted',
  'api_token.created',
  'api_token.revoked',
  'session.opened',
  'session.failed',
  'session.revoked',
  'haproxy.settings_changed',
  'haproxy.revision_created',
  'snapshot.created',
  'snapshot.installed',
  'log.compacted',
  'alarm.raised',
  'alarm.cleared',
] as const;
export const eventType = z.enum(EVENT_TYPES);
export type EventType = (typeof EVENT_TYPES)[number];

export const eventSchema = z
  .object({
    seq: z.int().describe('Ascending, the same on every node: the value of `Last-Event-ID`.'),
    id: z.string(),
    type: eventType,
    namespace: z.string().describe('The namespace is the part before the dot.'),
    event_src_id: z.int(),
    index: z.int(),
    term: z.int().nullable(),
    at: timestamp,
    actor: z.string(),
    message: z.string().describe('One sentence for people.'),
    data: z.record(z.string(), z.json()),
  })
  .meta({ id: 'Event' });
export type QuorateEvent = z.infer<typeof eventSchema>;

export const eventFilter = z.object({
  type: z.string().max(64).optional().describe('Only this event type, such as `member.promoted`.'),
  namespace: z
    .string()
    .max(32)
    .optional()
    .describe('Only types that begin with this word and a dot, such as `member`.'),
});

export const eventRoutes = {
  list: defineRoute({
    id: 'events.list',
    method: 'get',
    path: '/v1/events',
    access: 'viewer',
    tag: 'Watching',
    summary: 'Events, newest first',
    query: pageQuery.extend(eventFilter.shape),
    response: pageOf(eventSchema),
  }),
  stream: defineRoute({
    id: 'events.stream',
    method: 'get',
    path: '/v1/events/stream',
    access: 'viewer',
    tag: 'Watching',
    summary:
      'Events as server-sent events: `event: event` with an id to resume by, and `event: cluster` with the live cluster view',
    requestHeaders: { 'Last-Event-ID': 'The id of the last event that was seen: the stream goes on after it.' },
    query: eventFilter,
    contentType: 'text/event-stream',
  }),
};
