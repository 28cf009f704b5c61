import { WEBHOOK_DELIVERY_STATES } from '@quorate/shared/webhooks';
import { and, count, eq, max, ne } from 'drizzle-orm';
import { z } from 'zod';
import { type ApplyContext, defineCommand } from '../../commands/define-command';
import { DomainError } from '../../commands/domain-error';
import { prepared } from '../../db/prepared';
import type { StateDb } from '../../db/state-store';
import { events } from '../../db/system-table';
import { requireSealed } from '../setup/sealed';
import { webhookDeliveries, webhooks } from './table';

const MAX_WEBHOOKS = 50;
const KEPT_DELIVERED = 100;
const KEPT_DEAD = 200;
/** Of one report; the reconciler makes smaller ones. */
const MAX_REPORTED = 50;

export type WebhookRow = typeof webhooks.$inferSelect;

/** @throws DomainError not_found */
export function findWebhook(db: StateDb, id: string): WebhookRow {
  const row = db.select().from(webhooks).where(eq(webhooks.id, id)).get();
  if (!row) throw new DomainError('not_found', `there is no webhook ${id}`);
  return row;
}

function checkName(tx: StateDb, name: string, ownId: string): void {
  const other = tx
    .select({ id: webhooks.id })
    .from(webhooks)
    .where(and(eq(webhooks.name, name), ne(webhooks.id, ownId)))
    .get();
  if (!other) return;
  const errors = [{ pointer: '/name', detail: 'already in use' }];
  throw new DomainError('name_taken', `a webhook named ${name} exists already`, errors);
}

const lastSeq = (tx: StateDb): number =>
  tx
    .select({ seq: max(events.seq) })
    .from(events)
    .get()?.seq ?? 0;

export const createWebhook = defineCommand({
  type: 'webhooks.create',
  since: 1,
  input: z.object({
    id: z.uuid(),
    name: z.string(),
    url: z.string(),
    types: z.array(z.string()),
    enabled: z.boolean(),
    secretJwe: z.string(),
  }),
  target: (input) => input.name,
  apply(tx, { types, ...input }, ctx) {
    requireSealed(tx, input.secretJwe);
    checkName(tx, input.name, input.id);
    const known = tx.select({ n: count() }).from(webhooks).get()?.n ?? 0;
    if (known >= MAX_WEBHOOKS) {
      throw new DomainError('conflict', `there are ${known} webhooks already; delete one that is not needed any more`);
    }
    const fresh = { cursor: lastSeq(tx), failingSince: null, lastError: '' };
    const made = { createdAt: ctx.at, createdBy: ctx.actor.name };
    tx.insert(webhooks)
      .values({ ...input, types: JSON.stringify(types), ...fresh, ...made })
      .run();
    ctx.event('webhook.created', `${ctx.actor.name} created the webhook ${input.name}`, { webhook: input.id });
    return { id: input.id };
  },
});

export const updateWebhook = defineCommand({
  type: 'webhooks.update',
  since: 1,
  input: z.object({
    id: z.uuid(),
    name: z.string().optional(),
    url: z.string().optional(),
    types: z.array(z.string()).optional(),
    enabled: z.boolean().optional(),
    secretJwe: z.string().optional(),
  }),
  target: (input) => input.id,
  apply(tx, { id, types, ...change }, ctx) {
    const before = findWebhook(tx, id);
    if (change.secretJwe !== undefined) requireSealed(tx, change.secretJwe);
    if (change.name !== undefined) checkName(tx, change.name, id);
    const set = { ...change, ...(types === undefined ? {} : { types: JSON.stringify(types) }) };
    if (Object.keys(set).length === 0) return;
    tx.update(webhooks).set(set).where(eq(webhooks.id, id)).run();
    const name = change.name ?? before.name;
    ctx.event('webhook.updated', `${ctx.actor.name} changed the webhook ${name}`, { webhook: id });
  },
});

export const deleteWebhook = defineCommand({
  type: 'webhooks.delete',
  since: 1,
  input: z.object({ id: z.uuid() }),
  target: (input) => input.id,
  apply(tx, { id }, ctx) {
    const { name } = findWebhook(tx, id);
    tx.delete(webhookDeliveries).where(eq(webhookDeliveries.webhookId, id)).run();
    tx.delete(webhooks).where(eq(webhooks.id, id)).run();
    ctx.event('webhook.deleted', `${ctx.actor.name} deleted the webhook ${name}`, { webhook: id });
  },
});

/** Marks dead letters (one, or all) to be tried again. */
export const replayDeliveries = defineCommand({
  type: 'webhooks.replay',
  since: 1,
  input: z.object({ id: z.uuid(), seq: z.int().nullable() }),
  target: (input) => (input.seq === null ? input.id : `${input.id}.${input.seq}`),
  apply(tx, { id, seq }) {
    findWebhook(tx, id);
    const ofHook = eq(webhookDeliveries.webhookId, id);
    if (seq !== null) {
      const letter = tx
        .select({ state: webhookDeliveries.state })
        .from(webhookDeliveries)
        .where(and(ofHook, eq(webhookDeliveries.seq, seq)))
        .get();
      if (!letter) throw new DomainError('not_found', `event ${seq} is no delivery of this webhook that is still kept`);
      if (letter.state === 'delivered') {
        throw new DomainError('conflict', `event ${seq} was delivered; only a dead letter can be replayed`);
      }
    }
    const which = seq === null ? ofHook : and(ofHook, eq(webhookDeliveries.seq, seq));
    const { changes } = tx
      .update(webhookDeliveries)
      .set({ state: 'replay' })
      .where(and(which, eq(webhookDeliveries.state, 'dead')))
      .run();
    return { replayed: changes };
  },
});

const report = z.object({
  seq: z.int(),
  eventId: z.string(),
  eventType: z.string(),
  state: z.enum(WEBHOOK_DELIVERY_STATES).exclude(['replay']),
  attempts: z.int(),
  httpStatus: z.int().nullable(),
  error: z.string().max(200),
  durationMs: z.int(),
  event: z.string().nullable(),
});
export type DeliveryReport = z.output<typeof report>;

/** What became of deliveries: moves the cursor, keeps the outcomes. Safe to apply twice. */
export const reportDeliveries = defineCommand({
  type: 'webhooks.report',
  since: 1,
  audited: false,
  input: z.object({
    id: z.uuid(),
    deliveries: z.array(report).max(MAX_REPORTED),
    /** Why the delivery that is under way fails; null = it does not. */
    failing: z.string().max(200).nullable(),
  }),
  apply(tx, { id, deliveries, failing }, ctx) {
    const hook = tx.select().from(webhooks).where(eq(webhooks.id, id)).get();
    if (!hook) return;
    let { cursor } = hook;
    for (const one of deliveries) {
      const row = { ...one, id: `${id}.${one.seq}`, webhookId: id, at: ctx.at };
      tx.insert(webhookDeliveries).values(row).onConflictDoUpdate({ target: webhookDeliveries.id, set: row }).run();
      cursor = Math.max(cursor, one.seq);
    }
    prune(tx, id, 'delivered', KEPT_DELIVERED);
    prune(tx, id, 'dead', KEPT_DEAD);
    const error = failing ?? deliveries.at(-1)?.error ?? '';
    const failingSince = error === '' ? null : (hook.failingSince ?? ctx.at);
    tx.update(webhooks).set({ cursor, failingSince, lastError: error }).where(eq(webhooks.id, id)).run();
    tellTurn(ctx, hook, error);
  },
});

/** One event when it begins to fail, one when it is over. */
function tellTurn(ctx: ApplyContext, hook: WebhookRow, error: string): void {
  const data = { webhook: hook.id };
  if (hook.failingSince === null && error !== '') {
    ctx.event('webhook.failing', `the webhook ${hook.name} takes no events: ${error}`, data);
  } else if (hook.failingSince !== null && error === '') {
    ctx.event('webhook.recovered', `the webhook ${hook.name} takes events again`, data);
  }
}

const statements = prepared((db) => ({
  prune: db.$client.prepare(
    'DELETE FROM webhook_deliveries WHERE webhook_id = ? AND state = ? AND seq <= (SELECT seq FROM webhook_deliveries ' +
      'WHERE webhook_id = ? AND state = ? ORDER BY seq DESC LIMIT 1 OFFSET ?)',
  ),
}));

function prune(tx: StateDb, id: string, state: string, kept: number): void {
  statements(tx).prune.run(id, state, id, state, kept);
}

export const webhookCommands = [createWebhook, updateWebhook, deleteWebhook, replayDeliveries, reportDeliveries];
