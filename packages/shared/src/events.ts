import { z } from 'zod';
import { pageOf, pageQuery, timestamp } from './pagination';
import { defineRoute } from './route';

/**
 * Every event type. The ones of the replicated state are recorded once for the cluster; what only one node can see (who it
 * reaches, whether it knows a leader) is recorded by that node for itself: `local`, told by `event_src_id`.
 */
export const EVENT_TYPES = [
  'cluster.initialized',
  'cluster.setup',
  'cluster.grown',
  'cluster.restored',
  'cluster.recovered',
  'leadership.gained',
  'leadership.lost',
  'state.has_leader',
  'state.is_leaderless',
  'state.ro',
  'state.rw',
  'state.damaged',
  'members.changed',
  'member.admitted',
  'member.learner',
  'member.promoted',
  'member.removed',
  'member.drained',
  'member.resumed',
  'peer.connected',
  'peer.disconnected',
  'join.started',
  'join.completed',
  'join.failed',
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
  'haproxy.balancer_added',
  'haproxy.balancer_failing',
  'haproxy.balancer_recovered',
  'haproxy.balancer_removed',
  'snapshot.created',
  'snapshot.installed',
  'snapshot.failed',
  'log.compacted',
  'backup.started',
  'backup.completed',
  'backup.failed',
  'backup.missed',
  'backup.verified',
  'backup.damaged',
  'backup.deleted',
  'backup.settings_changed',
  'alarm.raised',
  'alarm.cleared',
  'failover.tested',
  'keys.certificate_renewed',
  'keys.session_key_rotated',
  'keys.cluster_key_rotated',
  'keys.ca_rotation_started',
  'keys.ca_rotation_stage',
  'keys.ca_rotated',
  'retention.changed',
  'connector.settings_changed',
  'connector.active',
  'connector.yielded',
  'connector.connected',
  'connector.disconnected',
  'runner.added',
  'runner.online',
  'runner.offline',
  'runner.failing',
  'runner.recovered',
  'runner.drained',
  'runner.resumed',
  'runner.removed',
  'job.failed',
  'service.created',
  'service.updated',
  'service.removed',
  'service.scaled',
  'service.restarted',
  'service.autoscaling_changed',
  'service.rolled_out',
  'service.rolled_back',
  'service.rollout_failed',
  'replica.moved',
  'replica.unhealthy',
  'replica.recovered',
  'ha.changed',
  'ha.update_started',
  'ha.node_updated',
  'ha.update_completed',
  'ha.update_failed',
  'ha.update_cancelled',
  'job.schedule_changed',
  'job.schedule_missed',
  'job.schedule_skipped',
  'webhook.created',
  'webhook.updated',
  'webhook.deleted',
  'webhook.failing',
  'webhook.recovered',
] as const;
export const eventType = z.enum(EVENT_TYPES);
export type EventType = (typeof EVENT_TYPES)[number];

/** What a type is about: the word before the dot. */
export const topicOf = (type: string): string => type.slice(0, type.indexOf('.'));

/** Topics that tell of the cluster itself rather than of what it keeps. */
const CLUSTER_TOPICS: ReadonlySet<string> = new Set([
  'cluster',
  'leadership',
  'state',
  'members',
  'member',
  'peer',
  'join',
  'snapshot',
  'log',
  'backup',
  'alarm',
  'failover',
  'keys',
]);

/** Topics of which most is seen by one node alone and kept there: another node does not list it. */
export const LOCAL_TOPICS: ReadonlySet<string> = new Set(['state', 'peer', 'snapshot', 'log', 'alarm']);

/** The namespace of a type: `cluster`, or its topic. */
export const namespaceOf = (type: string): string => (CLUSTER_TOPICS.has(topicOf(type)) ? 'cluster' : topicOf(type));

export const eventSchema = z
  .object({
    seq: z
      .int()
      .describe('Ascending, the same on every node. A local event has that of the event before it on its node.'),
    id: z.string().describe('Unique; a receiver that sees an id again has seen the event.'),
    type: eventType,
    namespace: z.string().describe('`cluster` for what happens to the cluster itself, else the word before the dot.'),
    event_src_id: z.int().describe('The node that proposed the change, or saw it (local events).'),
    local: z.boolean().describe('Seen by that node alone and not part of the replicated state.'),
    index: z.int().describe('Log index of the change; for a local event, what its node had applied.'),
    term: z.int().nullable().describe('Raft term, as it was recorded by then; null before there was one.'),
    at: timestamp,
    timestamp: timestamp.describe('The same as `at`.'),
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
    .describe('Only this namespace, or only types that begin with this word and a dot, such as `member`.'),
  source: z.coerce.number().int().min(1).max(63).optional().describe('Only events that came from this node.'),
});

/** Whether an event passes a filter; the server, the console and the sinks agree on it. */
export function passesFilter(
  event: Pick<QuorateEvent, 'type' | 'event_src_id'>,
  filter: z.output<typeof eventFilter>,
): boolean {
  const { type, namespace, source } = filter;
  if (type !== undefined && type !== event.type) return false;
  if (source !== undefined && source !== event.event_src_id) return false;
  return namespace === undefined || namespace === namespaceOf(event.type) || namespace === topicOf(event.type);
}

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
    description:
      'An id is the `seq` of the last domain event, a dot, and how far the local events of the answering node were sent. Sent back as Last-Event-ID to any node, no domain event is missed or repeated. Local events are exact on the node that sent the id (it keeps the last 1,000, also over a restart); another node sends what it saw itself since that moment, by its own clock. A bare `seq` resumes the domain events alone.',
    requestHeaders: { 'Last-Event-ID': 'The id of the last event that was seen: the stream goes on after it.' },
    query: eventFilter,
    contentType: 'text/event-stream',
  }),
};
