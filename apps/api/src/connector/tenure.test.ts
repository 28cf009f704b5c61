import { CONNECTOR_LIMITS } from '@quorate/shared/connector-protocol';
import { afterEach, describe, expect, it } from 'vitest';
import { delay } from '../lib/async';
import { silentLogger } from '../lib/logger';
import { until } from '../testing/until';
import { createRequestServer } from './requests';
import { startTenure, type TenureDeps } from './tenure';
import { openUpstream } from './testing';
import { PROOF_MARGIN_MS, PROOF_MS, pauseMs } from './timings';

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

async function begin(more: Partial<TenureDeps> = {}) {
  const up = await openUpstream();
  undo.push(up.close);
  const lost: string[] = [];
  const tenure = startTenure({
    ...{ generation: 7, settled: true, reason: 'first', node: { id: 1, name: 'a' }, version: 'test' },
    cluster: () => ({ id: '00000000-0000-7000-8000-000000000001', name: 'test' }),
    upstream: () => up.upstream,
    barrier: async () => undefined,
    holds: () => true,
    nodes: () => [],
    fetch: async () => new Response('{}'),
    eventLog: { after: () => [], lastSeq: () => 0 } as never,
    bus: { subscribe: () => () => {} },
    logger: silentLogger(),
    onConnected: () => {},
    onEventsSent: () => {},
    onLost: (why) => void lost.push(why),
    ...more,
  });
  undo.push(() => tenure.end('the test is over', 100));
  return { up, tenure, lost };
}

describe('a tenure', () => {
  it('ends the connection by its own clock when it cannot prove the lease any more', async () => {
    let quorum = true;
    // Without a quorum the question is not refused: it is never answered.
    const barrier = () => (quorum ? Promise.resolve() : new Promise(() => {}));
    const { up, tenure, lost } = await begin({ barrier });
    await until(() => tenure.connected, 'it is connected');
    quorum = false;
    await until(() => up.accepted[0]?.closed === true, 'it has closed the connection');
    expect(tenure.proven).toBe(null);
    expect(lost[0]).toMatch(/prove/);
    // And it does not come back, though the upstream would have it.
    await delay(PROOF_MS);
    expect(up.accepted).toHaveLength(1);
  });

  it('sends nothing from the moment on when another one holds the lease', async () => {
    let holds = true;
    const { up, tenure } = await begin({ holds: () => holds });
    await until(() => tenure.connected, 'it is connected');
    const request = { type: 'request', id: '1', method: 'GET', path: '/v1/me' };
    up.accepted[0]?.socket.send(JSON.stringify(request));
    await until(() => up.heard.some(({ type }) => type === 'answer'), 'it answers');
    const count = up.heard.length;
    holds = false;
    up.accepted[0]?.socket.send(JSON.stringify({ ...request, id: '2' }));
    await until(() => up.accepted[0]?.closed === true, 'it has closed the connection');
    expect(up.heard).toHaveLength(count);
  });

  it('waits out its predecessor before it dials', async () => {
    const startedMs = performance.now();
    const { up, tenure } = await begin({ settled: false });
    expect(tenure.settled).toBe(false);
    await until(() => up.accepted.length > 0, 'it dials');
    expect((up.accepted[0]?.atMs ?? 0) - startedMs).toBeGreaterThanOrEqual(PROOF_MS + PROOF_MARGIN_MS);
    expect(tenure.settled).toBe(true);
  });

  it('gives up a connection over which nothing is heard, and makes another one', async () => {
    const { up, tenure, lost } = await begin();
    await until(() => tenure.connected, 'it is connected');
    // No answer to a ping any more, while the kernel keeps the connection open.
    up.accepted[0]?.socket.pause();
    await until(() => lost.length === 1, 'it gives up', 20_000);
    expect(lost[0]).toMatch(/nothing was heard/);
    await until(() => tenure.connected && up.accepted.length === 2, 'it connects again', 20_000);
  }, 60_000);

  it('pauses longer and longer, never in step and never beyond a bound', () => {
    const pauses = (random: number) => [0, 1, 2, 5, 1_000].map((failures) => pauseMs(failures, () => random));
    expect(pauses(0)).toEqual([0, 500, 1_000, 8_000, 15_000]);
    expect(pauses(1)).toEqual([250, 1_500, 3_000, 24_000, 45_000]);
  });
});

describe('requests over the connection', () => {
  const ask = (id: string, more: object = {}) => ({
    ...{ type: 'request' as const, id, method: 'GET' as const, path: '/v1/me', headers: {} },
    ...more,
  });
  const codeOf = ({ body }: { body: string }) => JSON.parse(body).code;

  it('are bounded in number, size and time', async () => {
    const limits = { ...CONNECTOR_LIMITS, concurrency: 2, requestTimeoutMs: 200, answerBytes: 10 } as never;
    const never = createRequestServer(() => new Promise(() => {}), limits);
    const late = [never.answer(ask('1')), never.answer(ask('2'))];
    expect(codeOf(await never.answer(ask('3')))).toBe('too_many_requests');
    expect((await Promise.all(late)).map(codeOf)).toEqual(['outcome_unknown', 'outcome_unknown']);
    const big = createRequestServer(() => new Response('x'.repeat(11)), limits);
    expect(codeOf(await big.answer(ask('1')))).toBe('body_too_large');
    const endless = { headers: { 'content-type': 'text/event-stream' } };
    const stream = createRequestServer(() => new Response(new ReadableStream(), endless), limits);
    expect(codeOf(await stream.answer(ask('1')))).toBe('invalid_request');
  });

  it('carry no credentials of their own, and bodies that are not text', async () => {
    let seen: Request | undefined;
    const server = createRequestServer((request) => {
      seen = request;
      return new Response(new Uint8Array([0xff, 0]), { headers: { 'content-type': 'application/octet-stream' } });
    });
    const headers = {
      Authorization: 'Bearer x',
      cookie: 'quorate_session=x',
      'Idempotency-Key': 'k',
      host: 'localhost',
    };
    const answer = await server.answer(ask('1', { method: 'POST', headers, body: '{}' }));
    expect(answer).toMatchObject({ encoding: 'base64', body: '/wA=' });
    expect(Object.fromEntries(seen?.headers ?? [])).toEqual({
      'content-type': 'application/json',
      'idempotency-key': 'k',
    });
  });
});
