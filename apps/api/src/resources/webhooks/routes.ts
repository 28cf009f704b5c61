import {
  WEBHOOK_SECRET_PREFIX,
  type Webhook,
  type WebhookDelivery,
  webhookRoutes,
  webhookWants,
} from '@quorate/shared/webhooks';
import { and, asc, count, desc, eq, gt, lt } from 'drizzle-orm';
import type { StateDb } from '../../db/state-store';
import { events } from '../../db/system-table';
import type { EventLog } from '../../events/event-log';
import { type Endpoint, endpoint } from '../../http/endpoint';
import { numberCursor, pageOf, textCursor } from '../../http/page';
import { type Clock, toTimestamp } from '../../lib/clock';
import { uuidv7 } from '../../lib/ids';
import {
  createWebhook,
  deleteWebhook,
  findWebhook,
  replayDeliveries,
  updateWebhook,
  type WebhookRow,
} from './commands';
import type { WebhookSender } from './sender';
import { webhookDeliveries, webhooks } from './table';

export interface WebhookDeps {
  readonly sender: WebhookSender;
  readonly eventLog: EventLog;
  readonly clock: Clock;
  readonly nodeId: number;
  /** Encrypts a secret under the cluster key, bound to its name. */
  readonly seal: (name: string, plaintext: string) => Promise<string>;
  /** @throws SecretError */
  readonly open: (name: string, jwe: string) => Promise<string>;
}

/** The name that the encryption of a webhook's secret is bound to. */
export const secretNameOf = (webhookId: string): string => `webhook:${webhookId}`;

const secretText = (secret: Buffer): string => WEBHOOK_SECRET_PREFIX + secret.toString('base64');

/** Events that a webhook has not got yet, by type: the list of types is short, the list of events is not. */
function waitingEvents(db: StateDb, hook: WebhookRow): number {
  const types = JSON.parse(hook.types) as string[];
  return db
    .select({ type: events.type, n: count() })
    .from(events)
    .where(gt(events.seq, hook.cursor))
    .groupBy(events.type)
    .all()
    .reduce((sum, { type, n }) => sum + (webhookWants(types, type) ? n : 0), 0);
}

export function viewWebhook(db: StateDb, hook: WebhookRow): Webhook {
  const dead = and(eq(webhookDeliveries.webhookId, hook.id), eq(webhookDeliveries.state, 'dead'));
  return {
    id: hook.id,
    name: hook.name,
    url: hook.url,
    types: JSON.parse(hook.types) as string[],
    enabled: hook.enabled,
    cursor: hook.cursor,
    waiting: waitingEvents(db, hook),
    dead_letters: db.select({ n: count() }).from(webhookDeliveries).where(dead).get()?.n ?? 0,
    failing_since: hook.failingSince === null ? null : toTimestamp(hook.failingSince),
    last_error: hook.lastError,
    created_at: toTimestamp(hook.createdAt),
    created_by: hook.createdBy,
  };
}

const viewDelivery = (row: typeof webhookDeliveries.$inferSelect): WebhookDelivery => ({
  id: row.id,
  seq: row.seq,
  event_id: row.eventId,
  event_type: row.eventType,
  state: row.state as WebhookDelivery['state'],
  attempts: row.attempts,
  http_status: row.httpStatus,
  error: row.error,
  duration_ms: row.durationMs,
  at: toTimestamp(row.at),
});

export function webhookEndpoints(deps: WebhookDeps): Endpoint[] {
  const viewById = (db: StateDb, id: string): Webhook => viewWebhook(db, findWebhook(db, id));
  return [
    endpoint(webhookRoutes.list, (ctx, { query }) => {
      const rows = ctx.db
        .select()
        .from(webhooks)
        .where(gt(webhooks.name, textCursor(query.cursor)))
        .orderBy(asc(webhooks.name))
        .limit(query.limit + 1)
        .all();
      const view = (row: WebhookRow): Webhook => viewWebhook(ctx.db, row);
      return pageOf(ctx, webhookRoutes.list.path, rows, query.limit, (row) => row.name, view);
    }),
    endpoint(webhookRoutes.get, (ctx, { params }) => viewById(ctx.db, params.id)),
    endpoint(webhookRoutes.create, async (ctx, { body }) => {
      const id = uuidv7();
      const secret = secretText(ctx.secret('webhook'));
      const secretJwe = await deps.seal(secretNameOf(id), secret);
      // A repeated request gets the id that its first one made.
      const made = await ctx.propose(createWebhook, { id, ...body, secretJwe });
      return { ...viewById(ctx.db, made.id), secret };
    }),
    endpoint(webhookRoutes.update, async (ctx, { params, body }) => {
      await ctx.propose(updateWebhook, { id: params.id, ...body });
      return viewById(ctx.db, params.id);
    }),
    endpoint(webhookRoutes.remove, async (ctx, { params }) => {
      await ctx.propose(deleteWebhook, { id: params.id });
    }),
    endpoint(webhookRoutes.rotateSecret, async (ctx, { params }) => {
      const secret = secretText(ctx.secret('webhook'));
      const secretJwe = await deps.seal(secretNameOf(params.id), secret);
      await ctx.propose(updateWebhook, { id: params.id, secretJwe });
      return { ...viewById(ctx.db, params.id), secret };
    }),
    endpoint(webhookRoutes.test, (ctx, { params }) => {
      const test = async () => {
        const hook = findWebhook(ctx.db, params.id);
        const target = { url: hook.url, secret: await deps.open(secretNameOf(hook.id), hook.secretJwe) };
        const outcome = await deps.sender.send(target, testEvent(deps, ctx.actor.name), deps.clock());
        const { delivered, httpStatus: http_status, error, durationMs: duration_ms } = outcome;
        return { delivered, http_status, error, duration_ms };
      };
      return ctx.once(test, { harmless: true });
    }),
    endpoint(webhookRoutes.deliveries, (ctx, { params, query }) => {
      findWebhook(ctx.db, params.id);
      const where = and(
        eq(webhookDeliveries.webhookId, params.id),
        lt(webhookDeliveries.seq, numberCursor(query.cursor)),
        query.state === undefined ? undefined : eq(webhookDeliveries.state, query.state),
      );
      const rows = ctx.db
        .select()
        .from(webhookDeliveries)
        .where(where)
        .orderBy(desc(webhookDeliveries.seq))
        .limit(query.limit + 1)
        .all();
      const path = webhookRoutes.deliveries.path.replace('{id}', params.id);
      return pageOf(ctx, path, rows, query.limit, (row) => row.seq, viewDelivery);
    }),
    endpoint(webhookRoutes.replay, async (ctx, { params }) => {
      await ctx.propose(replayDeliveries, { id: params.id, seq: params.seq });
    }),
    endpoint(webhookRoutes.replayAll, (ctx, { params }) => ctx.propose(replayDeliveries, { id: params.id, seq: null })),
  ];
}

/** Looks like any event and is none: nothing of it is kept. */
function testEvent({ clock, nodeId, eventLog }: WebhookDeps, actor: string) {
  const at = toTimestamp(clock());
  return {
    seq: eventLog.lastSeq(),
    id: `test.${uuidv7()}`,
    type: 'webhook.updated',
    namespace: 'webhook',
    event_src_id: nodeId,
    local: true,
    index: 0,
    term: null,
    at,
    timestamp: at,
    actor,
    message: `${actor} tests this webhook; nothing happened`,
    data: { test: true },
  } as const;
}
