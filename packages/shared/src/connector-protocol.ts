import { z } from 'zod';
import { takeoverReason } from './connector';
import { eventSchema } from './events';
import { nodeId } from './names';

// What the active node and the upstream say to each other over the WebSocket: one JSON object a message. docs/connector.md
// describes it for those who write an upstream.

export const CONNECTOR_PROTOCOL = 1;
export const CONNECTOR_SUBPROTOCOL = 'quorate.connector.v1';

/** Bounds of the connection; a message beyond them closes it. */
export const CONNECTOR_LIMITS = {
  /** Of one message in either direction. */
  messageBytes: 4 * 1024 * 1024,
  /** Of the body of a request. */
  requestBytes: 1024 * 1024,
  /** Of the body of an answer. */
  answerBytes: 2 * 1024 * 1024,
  /** Requests that are being answered at a time. */
  concurrency: 16,
  requestTimeoutMs: 30_000,
} as const;

/** Close codes of their own, beside those of WebSocket. */
export const CLOSE = {
  /** The upstream knows a higher generation: this node is not the active one any more. */
  fenced: 4409,
  /** A message that is not in this protocol. */
  protocol: 4400,
} as const;

export const gatewayNodeSchema = z.object({
  id: nodeId,
  name: z.string(),
  role: z.enum(['active', 'standby', 'off', 'unknown']),
  is_primary: z.boolean(),
  health: z.string(),
  version: z.string(),
});
export type GatewayNode = z.infer<typeof gatewayNodeSchema>;

/** An event that is known: its number and its id, since numbers may be given anew when a cluster was recovered. */
const eventPlaceSchema = z.object({ seq: z.int().min(0), id: z.string().max(64) });
export type EventPlace = z.infer<typeof eventPlaceSchema>;

export const fromGatewaySchema = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('hello'),
    protocol: z.literal(CONNECTOR_PROTOCOL),
    cluster: z.object({ id: z.uuid(), name: z.string() }),
    /** The fencing number: grows with each node that becomes active, and never falls. */
    generation: z.int().min(1),
    node: z.object({ id: nodeId, name: z.string() }),
    reason: takeoverReason,
    version: z.string(),
  }),
  z.object({ type: z.literal('nodes'), nodes: z.array(gatewayNodeSchema) }),
  /** Where events begin. `complete`: with the one after that which the upstream named; else some are not kept any more. */
  z.object({ type: z.literal('resumed'), after: z.int(), complete: z.boolean() }),
  z.object({ type: z.literal('event'), event: eventSchema }),
  z.object({
    type: z.literal('answer'),
    id: z.string(),
    status: z.int(),
    headers: z.record(z.string(), z.string()),
    body: z.string(),
    /** `base64` where the body is not text. */
    encoding: z.enum(['text', 'base64']),
  }),
  /** The node closes the connection on purpose; another one may follow at once. */
  z.object({ type: z.literal('bye'), reason: z.string() }),
]);
export type FromGateway = z.infer<typeof fromGatewaySchema>;

export const fromUpstreamSchema = z.discriminatedUnion('type', [
  /** The answer to `hello`. `last_event`: the last one it has; null = only those from now on. */
  z.object({ type: z.literal('welcome'), last_event: eventPlaceSchema.nullable() }),
  /** Instead of a welcome, before the connection is closed with {@link CLOSE.fenced}. */
  z.object({ type: z.literal('refused'), generation: z.int() }),
  z.object({
    type: z.literal('request'),
    /** The upstream's own, unique among those that are not answered yet. */
    id: z.string().min(1).max(128),
    method: z.enum(['GET', 'POST', 'PUT', 'PATCH', 'DELETE']),
    /** With the query, such as `/v1/events?limit=10`. */
    path: z
      .string()
      .max(4_096)
      .regex(/^\/v1\//, 'must begin with /v1/'),
    /** Of these only those that the API reads go on: accept, content-type, idempotency-key, if-match, x-quorate-min-index. */
    headers: z.record(z.string().max(64), z.string().max(1_024)).default({}),
    body: z.string().max(CONNECTOR_LIMITS.requestBytes).optional(),
  }),
]);
export type FromUpstream = z.infer<typeof fromUpstreamSchema>;
export type UpstreamRequest = Extract<FromUpstream, { type: 'request' }>;
