import { createHmac } from 'node:crypto';
import { isIP } from 'node:net';
import type { QuorateEvent } from '@quorate/shared/events';
import { WEBHOOK_SECRET_PREFIX } from '@quorate/shared/webhooks';
import { Agent, request } from 'undici';
import { guardedLookup, refusalOf } from './address-guard';

export interface Attempt {
  readonly delivered: boolean;
  readonly httpStatus: number | null;
  /** Why not, in one short line; empty when delivered. */
  readonly error: string;
  readonly durationMs: number;
}

export interface WebhookSender {
  /** One POST; never throws. `sentAt` is in ms. */
  send(target: { url: string; secret: string }, event: QuorateEvent, sentAt: number): Promise<Attempt>;
  close(): Promise<void>;
}

const TIMEOUT_MS = 10_000;
const CONNECT_MS = 5_000;
/** Of an answer, only its status counts. */
const MAX_ANSWER_BYTES = 16 * 1024;
const MAX_ERROR = 200;

/** `v1,` and the base64 HMAC-SHA256 of `id.timestamp.body`, as the Standard Webhooks specification has it. */
export function signatureOf(secret: string, id: string, timestampSeconds: number, body: string): string {
  const key = Buffer.from(secret.slice(WEBHOOK_SECRET_PREFIX.length), 'base64');
  return `v1,${createHmac('sha256', key).update(`${id}.${timestampSeconds}.${body}`).digest('base64')}`;
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === 'TimeoutError') return `no answer within ${TIMEOUT_MS / 1000} seconds`;
  const inner = error instanceof AggregateError ? (error.errors[0] as unknown) : error.cause;
  return inner instanceof Error ? inner.message : error.message;
}

/** Sends events over HTTP. No redirects, bounded time and answer, and never to an address that the guard refuses. */
export function createWebhookSender(options: { version: string; allowLoopback: boolean }): WebhookSender {
  const { version, allowLoopback } = options;
  const agent = new Agent({
    connect: { lookup: guardedLookup(allowLoopback), timeout: CONNECT_MS },
    headersTimeout: TIMEOUT_MS,
    bodyTimeout: TIMEOUT_MS,
    maxResponseSize: MAX_ANSWER_BYTES,
    connections: 4,
  });

  /** A literal address is never looked up, so it is checked here. @throws Error */
  function checkLiteral(url: URL): void {
    const host = url.hostname.replace(/^\[|\]$/g, '');
    const refusal = isIP(host) ? refusalOf(host, allowLoopback) : undefined;
    if (refusal !== undefined) throw new Error(refusal);
  }

  async function post(target: { url: string; secret: string }, event: QuorateEvent, sentAt: number): Promise<number> {
    const url = new URL(target.url);
    checkLiteral(url);
    const body = JSON.stringify({ type: event.type, timestamp: event.timestamp, data: event });
    const seconds = Math.floor(sentAt / 1000);
    const response = await request(url, {
      method: 'POST',
      dispatcher: agent,
      signal: AbortSignal.timeout(TIMEOUT_MS),
      headers: {
        'content-type': 'application/json',
        'user-agent': `quorate/${version}`,
        'webhook-id': event.id,
        'webhook-timestamp': String(seconds),
        'webhook-signature': signatureOf(target.secret, event.id, seconds, body),
      },
      body,
    });
    await response.body.dump({ limit: MAX_ANSWER_BYTES }).catch(() => {});
    return response.statusCode;
  }

  return {
    async send(target, event, sentAt) {
      const startedMs = performance.now();
      const took = (): number => Math.round(performance.now() - startedMs);
      try {
        const httpStatus = await post(target, event, sentAt);
        const delivered = httpStatus >= 200 && httpStatus < 300;
        const hint = httpStatus >= 300 && httpStatus < 400 ? '; redirects are not followed' : '';
        return { delivered, httpStatus, error: delivered ? '' : `HTTP ${httpStatus}${hint}`, durationMs: took() };
      } catch (error) {
        const why = reasonOf(error).slice(0, MAX_ERROR);
        return { delivered: false, httpStatus: null, error: why || 'failed', durationMs: took() };
      }
    },
    close: () => agent.destroy(),
  };
}
