import { ApiError, createClient } from '@quorate/shared/client';
import { HEADER } from '@quorate/shared/http-headers';
import { joinTokenRoutes } from '@quorate/shared/join-tokens';
import { sessionRoutes } from '@quorate/shared/session';
import { userRoutes } from '@quorate/shared/users';
import { afterEach, expect, it } from 'vitest';
import { EXIT } from './exit-codes';
import { colorsFor } from './output';
import { reportOf, reportText } from './report';
import { answer, listen, problem, type Stub } from './testing/server';
import { makePki } from './testing/tls';
import { fetchPinnedCa } from './tls-pin';
import { createTransport, mayBeSent, type Target, TransportError } from './transport';

const ME = { kind: 'user', id: '1', name: 'ada', role: 'admin', expires_at: null };
const cleanUps: (() => Promise<void>)[] = [];
afterEach(async () => {
  // Clients first: a server waits for their connections.
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

async function stub(...args: Parameters<typeof listen>): Promise<Stub> {
  const server = await listen(...args);
  cleanUps.push(server.close);
  return server;
}

/** An address where nothing listens: taken and given back. */
async function deadUrl(): Promise<string> {
  const server = await listen(() => undefined);
  await server.close();
  return server.url;
}

function clientFor(endpoints: string[], options: Partial<Target> & { timeoutMs?: number } = {}) {
  const timeoutMs = options.timeoutMs ?? 10_000;
  const target = { kind: 'http', endpoints, ca: undefined, insecure: false, ...options } as Target;
  const told: string[] = [];
  const transport = createTransport(target, { timeoutMs, onFailover: (line) => told.push(line) });
  cleanUps.push(transport.close);
  return { ...createClient({ baseUrl: '', fetch: transport.fetch, timeoutMs }), told };
}

const exitOf = async (call: Promise<unknown>): Promise<number> =>
  EXIT[
    reportOf(
      await call.then(
        () => expect.unreachable('the call succeeded'),
        (error: unknown) => error,
      ),
    ).exit
  ];

it('reads from the next node when one is down or has no quorum, and stays with the one that answered', async () => {
  const refusing = await stub(problem(503, 'no_quorum'));
  const good = await stub(answer(ME));
  const client = clientFor([await deadUrl(), refusing.url, good.url]);
  expect((await client.call(sessionRoutes.me, {})).name).toBe('ada');
  expect(client.told).toHaveLength(2);
  await client.call(sessionRoutes.me, {});
  expect(client.told).toHaveLength(2);
  expect(good.requests).toHaveLength(2);
});

it('repeats a write on the next node only when it carries an Idempotency-Key', async () => {
  const cutting = await stub((request) => request.socket.destroy());
  const good = await stub(answer({}));
  const keyed = clientFor([cutting.url, good.url]);
  await keyed.call(joinTokenRoutes.create, { body: {}, headers: { [HEADER.idempotencyKey]: 'k-1' } });
  expect(good.requests.map((request) => request.headers['idempotency-key'])).toEqual(['k-1']);

  const unkeyed = clientFor([cutting.url, good.url]);
  const params = { id: '0190b0f3-7c1e-7d52-b0aa-1f2e3d4c5b6a' };
  expect(await exitOf(unkeyed.call(userRoutes.update, { params, body: { role: 'viewer' } }))).toBe(6);
  expect(good.requests).toHaveLength(1);
});

it('repeats any write that was certainly not done', async () => {
  const good = await stub(answer({}));
  const refusing = await stub(problem(503, 'no_quorum'));
  const client = clientFor([await deadUrl(), refusing.url, good.url]);
  await client.call(userRoutes.remove, { params: { id: '0190b0f3-7c1e-7d52-b0aa-1f2e3d4c5b6a' } });
  expect(good.requests).toHaveLength(1);
});

it('answers with the last refusal when no node has a quorum', async () => {
  const nodes = [await stub(problem(503, 'no_quorum')), await stub(problem(503, 'no_quorum'))];
  const client = clientFor(nodes.map((node) => node.url));
  await expect(client.call(sessionRoutes.me, {})).rejects.toMatchObject({ code: 'no_quorum' });
});

it('lets a stream last longer than the time in which an answer must begin', async () => {
  const streaming = await stub((_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    const beat = setInterval(() => response.write('.'), 100);
    response.on('close', () => clearInterval(beat));
  });
  const target = { kind: 'http', endpoints: [streaming.url, streaming.url], ca: undefined, insecure: false } as const;
  const transport = createTransport(target, { timeoutMs: 100 });
  cleanUps.push(transport.close);
  const response = await transport.fetch('/v1/events/stream', {});
  const startedAt = Date.now();
  // One attempt has 2 s; the stream is read past it.
  for await (const _ of response.body ?? []) if (Date.now() - startedAt > 2300) break;
  expect(Date.now() - startedAt).toBeGreaterThan(2300);
});

it('ends with 7 when nobody answers in time and 6 when nobody is there', async () => {
  const silent = await stub(() => undefined);
  expect(await exitOf(clientFor([silent.url], { timeoutMs: 300 }).call(sessionRoutes.me, {}))).toBe(7);
  expect(await exitOf(clientFor([await deadUrl()]).call(sessionRoutes.me, {}))).toBe(6);
});

it('verifies TLS, by the stored authority and never by default', async () => {
  const pki = await makePki();
  const server = await stub(answer(ME), pki);
  const error = await clientFor([server.url])
    .call(sessionRoutes.me, {})
    .catch((cause: unknown) => cause);
  expect(error).toBeInstanceOf(ApiError);
  expect(reportOf(error).message).toContain('authority that is not trusted here');
  expect(reportOf(error).hint).toContain('--ca-fingerprint');
  expect(server.requests).toHaveLength(0);
  expect((await clientFor([server.url], { ca: pki.ca }).call(sessionRoutes.me, {})).name).toBe('ada');
  expect((await clientFor([server.url], { insecure: true }).call(sessionRoutes.me, {})).name).toBe('ada');
});

it('pins an authority by its fingerprint, and refuses another before anything is sent', async () => {
  const pki = await makePki();
  const server = await stub(answer(ME), pki);
  const ca = await fetchPinnedCa(server.url, pki.fingerprint, 5000);
  expect((await clientFor([server.url], { ca }).call(sessionRoutes.me, {})).name).toBe('ada');
  const other = `sha256:${'0'.repeat(64)}`;
  await expect(fetchPinnedCa(server.url, other, 5000)).rejects.toMatchObject({ exit: 'auth' });
  await expect(fetchPinnedCa(server.url, 'sha256:12', 5000)).rejects.toMatchObject({ exit: 'usage' });
  await expect(fetchPinnedCa('http://127.0.0.1:1', other, 5000)).rejects.toThrow('needs an https:// address');
  expect(server.requests).toHaveLength(1);

  // A server whose leaf merely claims the pinned issuer does not get through: the chain is verified on use.
  const impostor = await makePki();
  const fake = await stub(answer(ME), { ...impostor, ca: pki.ca });
  const pinned = await fetchPinnedCa(fake.url, pki.fingerprint, 5000).catch(() => pki.ca);
  expect(await exitOf(clientFor([fake.url], { ca: pinned }).call(sessionRoutes.me, {}))).toBe(6);
  expect(fake.requests).toHaveLength(0);
});

it('tells what to do for an unknown outcome, with the request id and the fields', async () => {
  const unknown = await stub(problem(504, 'outcome_unknown', { command_id: 'c-9' }));
  const first = reportOf(
    await clientFor([unknown.url])
      .call(sessionRoutes.me, {})
      .catch((error: unknown) => error),
  );
  expect(first).toMatchObject({ exit: 'timeout', requestId: 'r-1' });
  expect(first.hint).toContain('quorate command show c-9');
  const errors = [{ pointer: '/ttl_seconds', detail: 'at least 60' }];
  const invalid = await stub(problem(422, 'validation_failed', { errors }));
  const second = reportOf(
    await clientFor([invalid.url])
      .call(sessionRoutes.me, {})
      .catch((error: unknown) => error),
  );
  expect(second).toMatchObject({ exit: 'usage', fields: [{ field: 'ttl_seconds', detail: 'at least 60' }] });
});

it('names a command where the API names a path', async () => {
  const detail = 'there is no service web; see GET /v1/services';
  const missing = await stub(problem(404, 'not_found', { detail, errors: [{ pointer: '/services/0', detail }] }));
  const report = reportOf(
    await clientFor([missing.url])
      .call(sessionRoutes.me, {})
      .catch((error: unknown) => error),
  );
  expect(report).toMatchObject({ message: 'there is no service web; see: quorate service list', fields: [] });
});

it('does not say the same twice', () => {
  const fields = [{ field: 'cron', detail: 'not a cron expression' }];
  const report = { exit: 'usage', message: 'not a cron expression', fields, hint: undefined, requestId: '' } as const;
  expect(reportText(report, colorsFor(false))).toBe('error: not a cron expression\n  field: cron\n');
  expect(reportText({ ...report, message: 'invalid' }, colorsFor(false))).toContain('  cron: not a cron expression');
});

it.each([
  [['ECONNREFUSED'], false],
  [['CERT_HAS_EXPIRED', 'UND_ERR_CONNECT_TIMEOUT'], false],
  [['UND_ERR_SOCKET'], true],
  [['EPIPE'], true],
  [['UND_ERR_HEADERS_TIMEOUT'], true],
  [['ECONNREFUSED', 'ECONNRESET'], true],
])('after %j a write may have happened: %s', (codes, may) => {
  expect(mayBeSent(new TransportError('', codes))).toBe(may);
});
