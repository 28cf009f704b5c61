import { z } from 'zod';
import { EVENT_TYPES, namespaceOf, topicOf } from './events';
import { uuidParam } from './names';
import { pageOf, pageQuery, timestamp } from './pagination';
import { defineRoute } from './route';

export const WEBHOOK_SECRET_PREFIX = 'whsec_';
export const WEBHOOK_DELIVERY_STATES = ['delivered', 'dead', 'replay'] as const;

/** Whether `type` is one of the chosen ones: a type, a namespace, or every type of a topic (`member.*`). None = all. */
export function webhookWants(types: readonly string[], type: string): boolean {
  const topic = topicOf(type);
  return (
    types.length === 0 ||
    types.some((one) => one === type || one === namespaceOf(type) || one === topic || one === `${topic}.*`)
  );
}

const typePattern = z
  .string()
  .max(64)
  .refine((pattern) => EVENT_TYPES.some((type) => webhookWants([pattern], type)), {
    error: 'no event type is called so; use a type (member.promoted), a topic (member.*) or a namespace (cluster)',
  });

function isHttpUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  return ['http:', 'https:'].includes(url.protocol) && url.username === '' && url.password === '';
}

const url = z.string().max(2048).refine(isHttpUrl, 'expected http:// or https://, without a user name or password');
const name = z.string().trim().min(1).max(64);
const types = z.array(typePattern).max(50);

export const webhookSchema = z
  .object({
    id: z.uuid(),
    name,
    url: z.string(),
    types: z.array(z.string()).describe('Types, topics (`member.*`) and namespaces; empty = every event.'),
    enabled: z.boolean(),
    cursor: z.int().describe('`seq` of the last event that was delivered or given up.'),
    waiting: z.int().describe('Events that it has not got yet.'),
    dead_letters: z.int().describe('Events that were given up and can be replayed.'),
    failing_since: timestamp.nullable().describe('Since when deliveries fail; null while they succeed.'),
    last_error: z.string(),
    created_at: timestamp,
    created_by: z.string(),
  })
  .meta({ id: 'Webhook' });
export type Webhook = z.infer<typeof webhookSchema>;

export const webhookDeliverySchema = z
  .object({
    id: z.string(),
    seq: z.int(),
    event_id: z.string(),
    event_type: z.string(),
    state: z.enum(WEBHOOK_DELIVERY_STATES).describe('`replay`: a dead letter that is tried once more.'),
    attempts: z.int(),
    http_status: z.int().nullable(),
    error: z.string(),
    duration_ms: z.int().describe('Of the last attempt.'),
    at: timestamp,
  })
  .meta({ id: 'WebhookDelivery' });
export type WebhookDelivery = z.infer<typeof webhookDeliverySchema>;

const withSecret = webhookSchema.extend({
  secret: z.string().describe('The signing secret: in this answer only.'),
});
const deliveryParam = uuidParam.extend({
  seq: z.coerce.number().int().min(1).describe('The `seq` of the event.'),
});

export const webhookRoutes = {
  list: defineRoute({
    id: 'webhooks.list',
    method: 'get',
    path: '/v1/webhooks',
    access: 'admin',
    tag: 'Webhooks',
    summary: 'Webhooks, by name',
    query: pageQuery,
    response: pageOf(webhookSchema),
  }),
  get: defineRoute({
    id: 'webhooks.get',
    method: 'get',
    path: '/v1/webhooks/{id}',
    access: 'admin',
    tag: 'Webhooks',
    summary: 'One webhook',
    params: uuidParam,
    response: webhookSchema,
    errors: ['not_found'],
  }),
  create: defineRoute({
    id: 'webhooks.create',
    method: 'post',
    path: '/v1/webhooks',
    access: 'admin',
    tag: 'Webhooks',
    summary: 'Send events to a URL from now on, signed',
    description:
      'Each event is one POST with the headers webhook-id, webhook-timestamp and webhook-signature: `v1,` and the base64 of HMAC-SHA256, keyed with the bytes behind `whsec_` (base64), over `id.timestamp.body`. Any 2xx within 10 seconds is success. Anything else is tried again, at growing intervals, until the event is 15 minutes old; then it is a dead letter. Events come in order and at least once: drop a webhook-id that you have seen. Redirects are not followed. Addresses that are link-local, multicast or unspecified are refused, and loopback is unless the configuration allows it.',
    body: z.object({
      name: name.meta({ description: 'Each name once.', examples: ['pager'] }),
      url: url.describe('Where to. It may itself be a secret: only admins see it.'),
      types: types.default([]).describe('Types, topics (`member.*`) and namespaces; empty = every event.'),
      enabled: z.boolean().default(true),
    }),
    response: withSecret,
    status: 201,
    errors: ['name_taken', 'conflict'],
  }),
  update: defineRoute({
    id: 'webhooks.update',
    method: 'patch',
    path: '/v1/webhooks/{id}',
    access: 'admin',
    tag: 'Webhooks',
    summary: 'Change a webhook; one that is disabled keeps its place and goes on from there',
    params: uuidParam,
    body: z.object({
      name: name.optional(),
      url: url.optional(),
      types: types.optional(),
      enabled: z.boolean().optional(),
    }),
    response: webhookSchema,
    errors: ['not_found', 'name_taken'],
  }),
  remove: defineRoute({
    id: 'webhooks.delete',
    method: 'delete',
    path: '/v1/webhooks/{id}',
    access: 'admin',
    tag: 'Webhooks',
    summary: 'Delete a webhook with its dead letters',
    params: uuidParam,
    errors: ['not_found'],
  }),
  rotateSecret: defineRoute({
    id: 'webhooks.rotate_secret',
    method: 'post',
    path: '/v1/webhooks/{id}/secret',
    access: 'admin',
    tag: 'Webhooks',
    summary: 'Make a new signing secret; the old one signs nothing any more',
    params: uuidParam,
    response: withSecret,
    errors: ['not_found'],
  }),
  test: defineRoute({
    id: 'webhooks.test',
    method: 'post',
    path: '/v1/webhooks/{id}/test',
    access: 'admin',
    tag: 'Webhooks',
    summary: 'Send a signed test event from the node that answers, once, and say what came back',
    params: uuidParam,
    response: z.object({
      delivered: z.boolean(),
      http_status: z.int().nullable(),
      error: z.string(),
      duration_ms: z.int(),
    }),
    errors: ['not_found'],
  }),
  deliveries: defineRoute({
    id: 'webhooks.deliveries',
    method: 'get',
    path: '/v1/webhooks/{id}/deliveries',
    access: 'admin',
    tag: 'Webhooks',
    summary: 'The last 100 deliveries and the last 200 dead letters, newest event first',
    params: uuidParam,
    query: pageQuery.extend({ state: z.enum(WEBHOOK_DELIVERY_STATES).optional().describe('Only this state.') }),
    response: pageOf(webhookDeliverySchema),
    errors: ['not_found'],
  }),
  replay: defineRoute({
    id: 'webhooks.replay',
    method: 'post',
    path: '/v1/webhooks/{id}/deliveries/{seq}/replay',
    access: 'admin',
    tag: 'Webhooks',
    summary: 'Try a dead letter again',
    params: deliveryParam,
    errors: ['not_found', 'conflict'],
  }),
  replayAll: defineRoute({
    id: 'webhooks.replay_all',
    method: 'post',
    path: '/v1/webhooks/{id}/replay',
    access: 'admin',
    tag: 'Webhooks',
    summary: 'Try every dead letter again, oldest first',
    params: uuidParam,
    response: z.object({ replayed: z.int() }),
    errors: ['not_found'],
  }),
};
