import type { QuorateEvent } from '@quorate/shared/events';
import { webhookWants } from '@quorate/shared/webhooks';
import { and, asc, eq } from 'drizzle-orm';
import pRetry from 'p-retry';
import type { Actor } from '../../commands/define-command';
import type { StateDb } from '../../db/state-store';
import type { EventLog } from '../../events/event-log';
import type { Clock } from '../../lib/clock';
import { uuidv7 } from '../../lib/ids';
import type { Logger } from '../../lib/logger';
import type { Reconciler } from '../../reconcile/driver';
import type { Proposer } from '../../replication/proposer';
import { type DeliveryReport, reportDeliveries, type WebhookRow } from './commands';
import type { Attempt, WebhookSender } from './sender';
import { webhookDeliveries, webhooks } from './table';

export interface DeliveryDeps {
  readonly isLeader: () => boolean;
  readonly db: () => StateDb;
  readonly eventLog: EventLog;
  readonly proposer: Proposer;
  readonly sender: WebhookSender;
  /** Opens a webhook's signing secret. @throws SecretError */
  readonly openSecret: (webhookId: string, jwe: string) => Promise<string>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onOutcome: (outcome: 'delivered' | 'failed' | 'dead') => void;
  /** For tests: how soon a delivery is tried again, and when it is given up, both in ms. */
  readonly retryMs?: number;
  readonly giveUpMs?: number;
}

export interface WebhookDelivery extends Reconciler {
  stop(): Promise<void>;
}

const SYSTEM: Actor = { kind: 'node', id: 'system', name: 'system' };
const RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 60_000;
const MAX_RETRIES = 40;
/** An event is tried until it is this old. */
const GIVE_UP_MS = 15 * 60_000;
/** Events read at a time; each webhook reports at least this often. */
const BATCH = 20;
const SCAN = 200;
/** From the second failure on, the state says so. */
const TELL_AFTER = 2;

/**
 * Sends events to webhooks: runs on the leader, one worker for each webhook, in order of `seq`. What was sent is
 * reported into the state, so the next leader goes on from there; what was sent and not reported is sent again.
 */
export function createWebhookDelivery(deps: DeliveryDeps): WebhookDelivery {
  const stopping = new AbortController();
  const workers = new Map<string, Promise<void>>();
  /** Up to which event there was nothing for a webhook, beyond its cursor. */
  const scanned = new Map<string, { readonly types: string; readonly upTo: number }>();

  async function deliver(
    hook: WebhookRow,
    event: QuorateEvent,
    giveUpAt: number,
  ): Promise<Attempt & { attempts: number }> {
    const secret = await deps.openSecret(hook.id, hook.secretJwe);
    let attempts = 0;
    let last: Attempt | undefined;
    const attempt = async (): Promise<void> => {
      attempts += 1;
      last = await deps.sender.send({ url: hook.url, secret }, event, deps.clock());
      if (last.delivered) return;
      deps.onOutcome('failed');
      if (attempts === TELL_AFTER && hook.failingSince === null) await report(hook.id, [], last.error);
      throw new Error(last.error);
    };
    const minTimeout = deps.retryMs ?? RETRY_MS;
    await pRetry(attempt, {
      retries: MAX_RETRIES,
      minTimeout,
      maxTimeout: Math.max(minTimeout, LONGEST_RETRY_MS),
      maxRetryTime: Math.max(0, giveUpAt - deps.clock()),
      randomize: true,
      signal: stopping.signal,
      // Another node sends now, or the webhook was changed: what is under way here ends, and the outcome is not kept.
      shouldRetry: () => deps.isLeader() && deps.clock() < giveUpAt && isCurrent(hook),
    }).catch(() => {});
    if (!last) throw new Error('stopped before the first attempt');
    return { ...last, attempts };
  }

  const rowOf = (id: string): WebhookRow | undefined =>
    deps.db().select().from(webhooks).where(eq(webhooks.id, id)).get();

  function isCurrent(hook: WebhookRow): boolean {
    const now = rowOf(hook.id);
    return now?.enabled === true && now.url === hook.url && now.secretJwe === hook.secretJwe;
  }

  async function report(id: string, deliveries: DeliveryReport[], failing: string | null): Promise<void> {
    await deps.proposer.propose(reportDeliveries, { id, deliveries, failing }, { actor: SYSTEM, id: uuidv7() });
  }

  /** Events that this webhook wants, from its cursor on. What it does not want is looked at once. */
  function waitingFor(hook: WebhookRow): QuorateEvent[] {
    const types = JSON.parse(hook.types) as string[];
    const before = scanned.get(hook.id);
    let after = before?.types === hook.types ? Math.max(before.upTo, hook.cursor) : hook.cursor;
    for (;;) {
      const page = deps.eventLog.after({}, after, SCAN);
      const found = page.filter((event) => webhookWants(types, event.type)).slice(0, BATCH);
      if (found.length > 0 || page.length === 0) return found;
      after = page.at(-1)?.seq ?? after;
      scanned.set(hook.id, { types: hook.types, upTo: after });
    }
  }

  function replays(hook: WebhookRow): QuorateEvent[] {
    const wanted = and(eq(webhookDeliveries.webhookId, hook.id), eq(webhookDeliveries.state, 'replay'));
    const rows = deps
      .db()
      .select()
      .from(webhookDeliveries)
      .where(wanted)
      .orderBy(asc(webhookDeliveries.seq))
      .limit(BATCH);
    return rows.all().flatMap((row) => (row.event === null ? [] : [JSON.parse(row.event) as QuorateEvent]));
  }

  async function sendAll(hook: WebhookRow, events: readonly QuorateEvent[], giveUpAt: (event: QuorateEvent) => number) {
    const done: DeliveryReport[] = [];
    try {
      for (const event of events) {
        const outcome = await deliver(hook, event, giveUpAt(event));
        const { attempts, delivered, durationMs, error, httpStatus } = outcome;
        if (!delivered && (stopping.signal.aborted || !deps.isLeader() || !isCurrent(hook))) return false;
        deps.onOutcome(delivered ? 'delivered' : 'dead');
        const { seq, id: eventId, type: eventType } = event;
        const kept = { seq, eventId, eventType, attempts, durationMs, error, httpStatus };
        done.push({
          ...kept,
          state: delivered ? 'delivered' : 'dead',
          event: delivered ? null : JSON.stringify(event),
        });
      }
      return true;
    } finally {
      if (done.length > 0) await report(hook.id, done, null);
    }
  }

  async function work(id: string): Promise<void> {
    while (!stopping.signal.aborted && deps.isLeader()) {
      const hook = rowOf(id);
      if (!hook?.enabled) return;
      const again = replays(hook);
      const waiting = again.length > 0 ? again : waitingFor(hook);
      if (waiting.length === 0) return;
      const giveUpMs = deps.giveUpMs ?? GIVE_UP_MS;
      // A replay is one more attempt; whoever asked for it looks at what comes of it.
      const giveUpAt = again.length > 0 ? () => 0 : (event: QuorateEvent) => Date.parse(event.at) + giveUpMs;
      if (!(await sendAll(hook, waiting, giveUpAt))) return;
    }
  }

  function start(id: string): void {
    if (workers.has(id)) return;
    const worker = work(id)
      .catch((error: unknown) => {
        if (!stopping.signal.aborted)
          deps.logger.warn({ err: error, webhook: id }, 'a webhook could not be served; trying again');
      })
      .finally(() => workers.delete(id));
    workers.set(id, worker);
  }

  return {
    name: 'webhooks',
    intervalMs: 1_000,
    async run() {
      if (!deps.isLeader()) return;
      for (const { id } of deps.db().select({ id: webhooks.id }).from(webhooks).orderBy(asc(webhooks.id)).all())
        start(id);
    },
    async stop() {
      stopping.abort();
      await Promise.all(workers.values());
    },
  };
}
