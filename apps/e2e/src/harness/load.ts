import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { type ApiToken, apiTokenRoutes } from '@quorate/shared/api-tokens';
import { auditRoutes } from '@quorate/shared/audit';
import { ApiError, type Client, indexOf } from '@quorate/shared/client';
import { HEADER } from '@quorate/shared/http-headers';
import { everyItem } from './pages';

export interface AcknowledgedWrite {
  readonly name: string;
  readonly id: string;
  readonly index: number;
  readonly attempts: number;
}

export interface LoadReport {
  readonly acknowledged: readonly AcknowledgedWrite[];
  /** Writes that got a clear no, or none at all within their budget. */
  readonly failed: readonly { name: string; error: string }[];
  /** Answers by `status code` that a retry followed. */
  readonly retried: Readonly<Record<string, number>>;
  /** Longest time between two acknowledgements, ms. */
  readonly longestGapMs: number;
  readonly durationMs: number;
}

export interface LoadOptions {
  /** Asked anew at each attempt; an attempt after a failed one goes to the next. */
  readonly clients: () => readonly Client[];
  readonly label: string;
  readonly writers?: number;
  /** Rest of each writer between two writes, ms. */
  readonly pauseMs?: number;
  /** Budget of one write with all its attempts, ms. */
  readonly budgetMs?: number;
}

export interface Load {
  readonly acknowledged: number;
  stop(): Promise<LoadReport>;
}

const RETRY_PAUSE_MS = 20;

/**
 * Keeps writing API tokens with unique names, each under an Idempotency-Key, retried until it is acknowledged: a write
 * applied twice shows as `name_taken`, one that got lost is missing from the list.
 */
export function startLoad(options: LoadOptions): Load {
  const { writers = 3, pauseMs = 15, budgetMs = 40_000, label } = options;
  const acknowledged: AcknowledgedWrite[] = [];
  const failed: { name: string; error: string }[] = [];
  const retried: Record<string, number> = {};
  const started = performance.now();
  let lastAck = started;
  let longestGapMs = 0;
  let next = 0;
  let stopping = false;

  const note = (): void => {
    const now = performance.now();
    longestGapMs = Math.max(longestGapMs, now - lastAck);
    lastAck = now;
  };

  async function write(name: string, first: number): Promise<void> {
    const headers = { [HEADER.idempotencyKey]: randomUUID() };
    const body = { name, role: 'viewer' } as const;
    const deadline = performance.now() + budgetMs;
    for (let attempt = 0; ; attempt++) {
      const clients = options.clients();
      const client = clients[(first + attempt) % clients.length];
      try {
        if (!client) throw new Error('no node is running');
        const answer = await client.callFull(apiTokenRoutes.create, { body, headers });
        note();
        const index = indexOf(answer.headers) ?? 0;
        acknowledged.push({ name, id: answer.data.id, index, attempts: attempt + 1 });
        return;
      } catch (error) {
        const why = error instanceof ApiError ? `${error.status} ${error.code}` : String(error);
        const final = error instanceof ApiError && error.status >= 400 && error.status < 500;
        if (final || performance.now() > deadline) {
          failed.push({ name, error: `${why}: ${error instanceof Error ? error.message : ''}` });
          return;
        }
        retried[why] = (retried[why] ?? 0) + 1;
        await delay(RETRY_PAUSE_MS);
      }
    }
  }

  async function run(writer: number): Promise<void> {
    for (let count = 0; !stopping; count++) {
      await write(`${label}-${next++}`, writer + count);
      await delay(pauseMs);
    }
  }
  const running = Promise.all(Array.from({ length: writers }, (_, writer) => run(writer)));

  return {
    get acknowledged() {
      return acknowledged.length;
    },
    async stop() {
      stopping = true;
      await running;
      return { acknowledged, failed, retried, longestGapMs, durationMs: performance.now() - started };
    },
  };
}

/** Every API token that a node knows once it has applied `minIndex`. */
export function listTokens(client: Client, minIndex: number): Promise<ApiToken[]> {
  const headers = { [HEADER.minIndex]: String(minIndex) };
  return everyItem((query) => client.call(apiTokenRoutes.list, { query, headers }));
}

/** How often each write was carried out, as the audit says: by command, so that a double one shows. */
async function auditedTargets(client: Client): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  const records = await everyItem((query) =>
    client.call(auditRoutes.list, { query: { ...query, action: 'api_tokens.create' } }),
  );
  for (const { outcome, target } of records) {
    if (outcome === 'ok') counts.set(target, (counts.get(target) ?? 0) + 1);
  }
  return counts;
}

/** What is wrong with the acknowledged writes on one node; empty = each is there exactly once, under its id. */
export async function findLosses(report: LoadReport, client: Client): Promise<string[]> {
  const highest = Math.max(0, ...report.acknowledged.map((write) => write.index));
  const tokens = new Map((await listTokens(client, highest)).map((token) => [token.name, token]));
  const audited = await auditedTargets(client);
  return report.acknowledged.flatMap(({ name, id }) => {
    const found = tokens.get(name);
    if (!found) return [`${name} was acknowledged and is missing`];
    if (found.id !== id) return [`${name} has another id than was acknowledged`];
    const times = audited.get(name) ?? 0;
    return times === 1 ? [] : [`${name} was carried out ${times} times, says the audit`];
  });
}
