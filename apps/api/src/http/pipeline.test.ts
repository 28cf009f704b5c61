import { request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { HEADER } from '@quorate/shared/http-headers';
import { PROBLEM_CONTENT_TYPE } from '@quorate/shared/problem';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ADMIN, type Answer, type ApiNode, startApiNode } from '../testing/api-node';

let api: ApiNode;
let token: string;
beforeAll(async () => {
  api = await startApiNode();
  token = await api.setUp();
});
afterAll(() => api?.stop());

function expectProblem(answer: Answer, status: number, code: string): void {
  expect(answer.body).toMatchObject({ status, code, type: `urn:quorate:error:${code}` });
  expect(answer.status).toBe(status);
  expect(answer.headers.get('content-type')).toBe(PROBLEM_CONTENT_TYPE);
  expect(answer.headers.get(HEADER.requestId)).toBe(answer.body.request_id);
  expect(answer.headers.get(HEADER.node)).toBe('1');
  expect(answer.body.title).not.toBe('');
  expect(answer.body.detail).not.toBe('');
}
const pointers = (answer: Answer): string[] => answer.body.errors?.map((error: { pointer: string }) => error.pointer);
const newUser = (username: string) => ({ username, password: 'long enough to do', role: 'viewer' });

describe('bad input gets a specific problem', () => {
  const post = (body: unknown, headers: Record<string, string> = {}): Promise<Answer> =>
    api.call('POST', '/v1/users', { token, body, headers });

  it('malformed JSON', async () => {
    const answer = await post('{"username": ');
    expectProblem(answer, 400, 'invalid_request');
    expect(answer.body.detail).toContain('not valid JSON');
  });

  it('another content type', async () => {
    const answer = await post('username=x', { 'content-type': 'application/x-www-form-urlencoded' });
    expectProblem(answer, 415, 'unsupported_media_type');
    expect(answer.body.detail).toContain('application/x-www-form-urlencoded');
  });

  it('several invalid, missing and unknown fields at once', async () => {
    const answer = await post({ username: 'Not Valid', role: 'king', 'pass/word': 'x' });
    expectProblem(answer, 422, 'validation_failed');
    expect(new Set(pointers(answer))).toEqual(new Set(['/username', '/password', '/role', '/pass~1word']));
    expect(answer.body.detail).toContain('unknown field');
  });

  it('fields that are missing, of another type or not among the choices, each with what would be right', async () => {
    const answer = await post({ password: 7, role: 'king' });
    expect(answer.body.errors).toEqual([
      { pointer: '/username', detail: 'is missing; expected text' },
      { pointer: '/password', detail: 'expected text, got a number' },
      { pointer: '/role', detail: 'expected viewer, operator or admin' },
    ]);
    const body = { max_uses: 1.5, ttl_seconds: '60' };
    const minted = await api.call('POST', '/v1/nodes/join-tokens', { token, body });
    expect(minted.body.errors).toEqual([
      { pointer: '/max_uses', detail: 'expected a whole number' },
      { pointer: '/ttl_seconds', detail: 'expected a number, got text' },
    ]);
  });

  it('a body that is no object', async () => {
    for (const body of ['[]', 'null', '7', '"text"']) {
      const answer = await post(body);
      expectProblem(answer, 422, 'validation_failed');
      expect(pointers(answer)).toEqual(['']);
    }
  });

  it('no body', async () => {
    const answer = await api.call('POST', '/v1/users', { token });
    expectProblem(answer, 422, 'validation_failed');
    expect(pointers(answer)).toEqual(['/username', '/password', '/role']);
  });

  it('a body that says that it is too large', async () => {
    const answer = await post({ ...newUser('big'), password: 'x'.repeat(1024 * 1024) });
    expectProblem(answer, 413, 'body_too_large');
  });

  it('a body that turns out to be too large', async () => {
    const status = await new Promise<number>((resolve, reject) => {
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
      const sending = request(`${api.url}/v1/users`, { method: 'POST', headers }, (response) => {
        resolve(response.statusCode ?? 0);
        response.resume();
        sending.destroy();
      });
      sending.on('error', reject);
      const chunk = 'x'.repeat(64 * 1024);
      const write = (left: number): void => {
        if (left > 0 && !sending.destroyed) sending.write(chunk, () => write(left - 1));
      };
      write(24);
    });
    expect(status).toBe(413);
  });

  it('bad query parameters', async () => {
    for (const [query, pointer] of [
      ['limit=0', 'query/limit'],
      ['limit=many', 'query/limit'],
      ['limit=501', 'query/limit'],
      ['page=2', 'query/page'],
      ['cursor=!!', 'query/cursor'],
      [`cursor=${Buffer.from('5').toString('base64url')}`, 'query/cursor'],
      ['consistency=strong', 'query/consistency'],
    ]) {
      const answer = await api.call('GET', `/v1/users?${query}`, { token });
      expectProblem(answer, 422, 'validation_failed');
      expect(pointers(answer), query).toEqual([pointer]);
    }
  });

  it('query parameters that a private route does not know, rather than ignoring ?dry_run', async () => {
    const made = await post(newUser('stays'));
    const answer = await api.call('DELETE', `/v1/users/${made.body.id}?dry_run=1`, { token });
    expectProblem(answer, 422, 'validation_failed');
    expect(pointers(answer)).toEqual(['query/dry_run']);
    expect((await api.call('GET', `/v1/users/${made.body.id}`, { token })).status).toBe(200);
    expect((await api.call('GET', '/livez?probe=7')).status).toBe(200);
  });

  it('a bad path parameter', async () => {
    const answer = await api.call('GET', '/v1/users/not-a-uuid', { token });
    expectProblem(answer, 422, 'validation_failed');
    expect(pointers(answer)).toEqual(['path/id']);
  });

  it('bad headers', async () => {
    expectProblem(
      await api.call('GET', '/v1/me', { token, headers: { [HEADER.minIndex]: 'soon' } }),
      400,
      'invalid_request',
    );
    const key = 'x'.repeat(129);
    expectProblem(await post(newUser('key'), { [HEADER.idempotencyKey]: key }), 400, 'invalid_request');
    const events = await api.call('GET', '/v1/events/stream', { token, headers: { 'last-event-id': 'x' } });
    expectProblem(events, 400, 'invalid_request');
  });

  it('an unknown path, an unknown thing, another method', async () => {
    expectProblem(await api.call('GET', '/v1/nope', { token }), 404, 'not_found');
    expectProblem(await api.call('GET', '/nope'), 404, 'not_found');
    const missing = '/v1/users/00000000-0000-7000-8000-000000000000';
    expectProblem(await api.call('GET', missing, { token }), 404, 'not_found');
    const answer = await api.call('POST', '/v1/me', { token });
    expectProblem(answer, 405, 'method_not_allowed');
    expect(answer.headers.get('allow')).toBe('GET');
  });
});

describe('credentials', () => {
  it('are needed, and wrong ones are refused wherever they are sent', async () => {
    expectProblem(await api.call('GET', '/v1/me'), 401, 'unauthenticated');
    for (const value of ['Basic YTpi', 'Bearer', 'Bearer x', 'Bearer qa_unknown', `Bearer ${token}x`]) {
      const answer = await api.call('GET', '/v1/me', { headers: { authorization: value } });
      expectProblem(answer, 401, 'unauthenticated');
      expect(answer.headers.get('www-authenticate')).toBe('Bearer');
    }
  });

  it('tell a browser nothing but a cookie, which works for reads and own-origin writes alone', async () => {
    const browser = { 'sec-fetch-site': 'same-origin' };
    const signedIn = await api.call('POST', '/v1/session', { body: ADMIN, headers: browser });
    expect(signedIn.body.token).toBeNull();
    const setCookie = signedIn.headers.get('set-cookie') ?? '';
    expect(setCookie).toMatch(/^quorate_session=[^;]+; Path=\/; HttpOnly; SameSite=Strict; Max-Age=43200$/);
    const cookie = setCookie.split(';')[0] ?? '';
    const withCookie = (method: string, path: string, headers: Record<string, string>, body?: unknown) =>
      api.call(method, path, { headers: { cookie, ...headers }, body });
    expect((await withCookie('GET', '/v1/me', { 'sec-fetch-site': 'cross-site' })).status).toBe(200);
    for (const headers of [
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
      { origin: 'https://evil.example' },
      { origin: 'null' },
    ]) {
      const answer = await withCookie(
        'POST',
        '/v1/users',
        headers as unknown as Record<string, string>,
        newUser('evil'),
      );
      expectProblem(answer, 403, 'cross_origin');
    }
    expect((await withCookie('POST', '/v1/users', { origin: api.url }, newUser('own'))).status).toBe(201);
    expect((await withCookie('DELETE', '/v1/session', browser)).status).toBe(204);
    expectProblem(await withCookie('GET', '/v1/me', browser), 401, 'unauthenticated');
  });

  it('end with the session when it is signed out', async () => {
    const own = await api.signIn(ADMIN.username, ADMIN.password);
    expect((await api.call('GET', '/v1/me', { token: own })).body).toMatchObject({ name: 'ada', role: 'admin' });
    expect((await api.call('DELETE', '/v1/session', { token: own })).status).toBe(204);
    expectProblem(await api.call('GET', '/v1/me', { token: own }), 401, 'unauthenticated');
    expect((await api.call('GET', '/v1/me', { token })).status).toBe(200);
  });

  it('end everywhere when an admin sets a password or deletes the user', async () => {
    const eve = await api.createUser(token, 'eve', 'operator');
    const second = await api.signIn('eve', 'the password of eve');
    const patch = { password: 'another long one' };
    expect((await api.call('PATCH', `/v1/users/${eve.id}`, { token, body: patch })).status).toBe(200);
    for (const old of [eve.token, second])
      expectProblem(await api.call('GET', '/v1/me', { token: old }), 401, 'unauthenticated');
    const fresh = await api.signIn('eve', patch.password);
    expect((await api.call('DELETE', `/v1/users/${eve.id}`, { token })).status).toBe(204);
    expectProblem(await api.call('GET', '/v1/me', { token: fresh }), 401, 'unauthenticated');
  });

  it('of another role change at once', async () => {
    const mia = await api.createUser(token, 'mia', 'viewer');
    expectProblem(await api.call('GET', '/v1/users', { token: mia.token }), 403, 'forbidden');
    await api.call('PATCH', `/v1/users/${mia.id}`, { token, body: { role: 'admin' } });
    expect((await api.call('GET', '/v1/users', { token: mia.token })).status).toBe(200);
  });

  it('changing the own password keeps this session and ends the others', async () => {
    const pat = await api.createUser(token, 'pat', 'viewer');
    const other = await api.signIn('pat', 'the password of pat');
    const change = (current_password: string) =>
      api.call('PUT', '/v1/me/password', {
        token: pat.token,
        body: { current_password, new_password: 'brand new one' },
      });
    const wrong = await change('not it at all');
    expectProblem(wrong, 401, 'invalid_credentials');
    expect(pointers(wrong)).toEqual(['/current_password']);
    expect((await change('the password of pat')).status).toBe(204);
    expectProblem(await api.call('GET', '/v1/me', { token: other }), 401, 'unauthenticated');
    expect((await api.call('GET', '/v1/me', { token: pat.token })).status).toBe(200);
    await api.signIn('pat', 'brand new one');
  });

  it('bound the guesses of a password, per name and address', async () => {
    await api.createUser(token, 'target', 'viewer');
    const attempt = (password: string) => api.call('POST', '/v1/session', { body: { username: 'target', password } });
    const codes: string[] = [];
    for (let n = 0; n < 12; n += 1) codes.push((await attempt(`guess ${n} of it`)).body.code);
    expect(codes.slice(0, 10)).toEqual(Array(10).fill('invalid_credentials'));
    const throttled = await attempt('the password of target');
    expectProblem(throttled, 429, 'too_many_requests');
    expect(Number(throttled.headers.get('retry-after'))).toBeGreaterThan(0);
    await api.signIn(ADMIN.username, ADMIN.password);
  });

  it('of an API token work until it is revoked', async () => {
    const body = { name: 'ci', role: 'viewer' };
    const made = await api.call('POST', '/v1/api-tokens', { token, body });
    expect(made.status).toBe(201);
    const secret = made.body.token as string;
    expect((await api.call('GET', '/v1/me', { token: secret })).body).toMatchObject({ kind: 'api_token', name: 'ci' });
    const list = await api.call('GET', '/v1/api-tokens', { token });
    expect(list.text).not.toContain(secret);
    expect((await api.call('DELETE', `/v1/api-tokens/${made.body.id}`, { token })).status).toBe(204);
    expectProblem(await api.call('GET', '/v1/me', { token: secret }), 401, 'unauthenticated');
  });
});

describe('writes', () => {
  it('refuse what would leave no admin', async () => {
    const list = await api.call('GET', '/v1/users', { token });
    const admins = list.body.items.filter((user: { role: string }) => user.role === 'admin');
    for (const { id, username } of admins) {
      if (username !== ADMIN.username) await api.call('DELETE', `/v1/users/${id}`, { token });
    }
    const { id } = admins.find((user: { username: string }) => user.username === ADMIN.username);
    expectProblem(await api.call('DELETE', `/v1/users/${id}`, { token }), 409, 'last_admin');
    expectProblem(await api.call('PATCH', `/v1/users/${id}`, { token, body: { role: 'viewer' } }), 409, 'last_admin');
    expect((await api.call('PATCH', `/v1/users/${id}`, { token, body: { role: 'admin' } })).status).toBe(200);
  });

  it('name the field that clashes', async () => {
    await api.call('POST', '/v1/users', { token, body: newUser('twin') });
    const answer = await api.call('POST', '/v1/users', { token, body: newUser('twin') });
    expectProblem(answer, 409, 'name_taken');
    expect(pointers(answer)).toEqual(['/username']);
  });

  it('are applied once under an Idempotency-Key, and answer the same again', async () => {
    const headers = { [HEADER.idempotencyKey]: 'create-once' };
    const send = (body: unknown) => api.call('POST', '/v1/users', { token, body, headers });
    const answers = await Promise.all([send(newUser('once')), send(newUser('once'))]);
    const later = await send(newUser('once'));
    for (const answer of [...answers, later]) {
      expect(answer.status).toBe(201);
      expect(answer.body).toEqual(later.body);
      expect(answer.headers.get(HEADER.index)).toBe(later.headers.get(HEADER.index));
    }
    expectProblem(await send(newUser('other')), 422, 'idempotency_key_reused');
    const elsewhere = await api.call('POST', '/v1/api-tokens', { token, headers, body: { name: 'x', role: 'viewer' } });
    expectProblem(elsewhere, 422, 'idempotency_key_reused');
  });

  it('repeat a refusal under an Idempotency-Key, too', async () => {
    const headers = { [HEADER.idempotencyKey]: 'refused-once' };
    const send = () => api.call('POST', '/v1/users', { token, body: newUser(ADMIN.username), headers });
    expectProblem(await send(), 409, 'name_taken');
    expectProblem(await send(), 409, 'name_taken');
  });

  it('give the same API token secret again under its Idempotency-Key, and another without', async () => {
    const send = (key: string, name: string) =>
      api.call('POST', '/v1/api-tokens', {
        token,
        body: { name, role: 'viewer' },
        headers: { [HEADER.idempotencyKey]: key },
      });
    const [first, again, other] = [await send('t1', 'bot'), await send('t1', 'bot'), await send('t2', 'bot 2')];
    expect(again.body).toEqual(first.body);
    expect(other.body.token).not.toBe(first.body.token);
    expect((await api.call('GET', '/v1/me', { token: again.body.token })).body.name).toBe('bot');
  });

  it('keep the keys of two callers apart', async () => {
    const headers = { [HEADER.idempotencyKey]: 'shared-key' };
    const second = await api.call('POST', '/v1/api-tokens', { token, body: { name: 'admin bot', role: 'admin' } });
    const one = await api.call('POST', '/v1/users', { token, body: newUser('first-one'), headers });
    const two = await api.call('POST', '/v1/users', { token: second.body.token, body: newUser('second-one'), headers });
    expect([one.status, two.status]).toEqual([201, 201]);
  });

  it('say at which index they stand, where their outcome is found', async () => {
    const headers = { [HEADER.idempotencyKey]: 'look-it-up' };
    const made = await api.call('POST', '/v1/users', { token, body: newUser('findable'), headers });
    const index = Number(made.headers.get(HEADER.index));
    expect(index).toBeGreaterThan(0);
    const audit = await api.call('GET', '/v1/audit?action=users.create&limit=1', { token });
    expect(audit.body.items[0]).toMatchObject({ index, actor: 'ada', target: 'findable', outcome: 'ok' });
    const found = await api.call('GET', `/v1/commands/${audit.body.items[0].command_id}`, { token });
    expect(found.body).toMatchObject({ outcome: 'applied', index });
    const unknown = await api.call('GET', '/v1/commands/never-sent', { token });
    expect(unknown.body).toMatchObject({ outcome: 'not_seen', index: null });
  });
});

describe('reads', () => {
  it('wait for the index that a client has seen elsewhere', async () => {
    const made = await api.call('POST', '/v1/users', { token, body: newUser('seen') });
    const index = Number(made.headers.get(HEADER.index));
    const read = (at: number) => api.call('GET', '/v1/me', { token, headers: { [HEADER.minIndex]: String(at) } });
    expect((await read(index)).status).toBe(200);
    const waiting = read(index + 2);
    await sleep(20);
    await api.call('POST', '/v1/users', { token, body: newUser('seen-2') });
    await api.call('POST', '/v1/users', { token, body: newUser('seen-3') });
    expect((await waiting).status).toBe(200);
    const early = await read(index + 1_000);
    expectProblem(early, 503, 'index_not_reached');
    expect(early.headers.get('retry-after')).toBe('1');
  });

  it('are linearizable on request', async () => {
    expect((await api.call('GET', '/v1/users?consistency=linearizable', { token })).status).toBe(200);
    expect((await api.call('GET', '/v1/users?consistency=local', { token })).status).toBe(200);
  });

  it('page through a list by cursor and by Link, filters kept, nothing twice', async () => {
    const names: string[] = [];
    let path: string | undefined = '/v1/audit?limit=3&action=users.create';
    while (path) {
      const page: Answer = await api.call('GET', path, { token });
      names.push(...page.body.items.map((item: { seq: number }) => String(item.seq)));
      expect(page.body.items.every((item: { action: string }) => item.action === 'users.create')).toBe(true);
      path = /<([^>]+)>; rel="next"/.exec(page.headers.get('link') ?? '')?.[1];
      expect(path === undefined).toBe(page.body.next_cursor === null);
    }
    expect(new Set(names).size).toBe(names.length);
    const all = await api.call('GET', '/v1/audit?limit=500&action=users.create', { token });
    expect(all.body.items.map((item: { seq: number }) => String(item.seq))).toEqual(names);
  });

  it('answer HEAD as GET without a body', async () => {
    const answer = await api.call('HEAD', '/livez');
    expect([answer.status, answer.text]).toEqual([200, '']);
  });
});

describe('set-up', () => {
  let fresh: ApiNode;
  beforeAll(async () => {
    fresh = await startApiNode();
  });
  afterAll(() => fresh?.stop());
  const setUp = (username: string, headers: Record<string, string> = {}, code?: string) =>
    fresh.call('POST', '/v1/setup', {
      body: { cluster_name: 'c', username, password: 'long enough to do', ...(code ? { setup_code: code } : {}) },
      headers,
    });

  it('needs the code when it comes through a proxy, and says so', async () => {
    const proxied = { 'x-forwarded-for': '203.0.113.9' };
    expect((await fresh.call('GET', '/v1/setup')).body).toMatchObject({ needed: true, setup_code_required: false });
    expect((await fresh.call('GET', '/v1/setup', { headers: proxied })).body.setup_code_required).toBe(true);
    expectProblem(await setUp('root', proxied), 403, 'setup_code_invalid');
    const wrong = await setUp('root', proxied, 'AAAA-BBBB-CCCC');
    expectProblem(wrong, 403, 'setup_code_invalid');
    expect(pointers(wrong)).toEqual(['/setup_code']);
    const signIn = await fresh.call('POST', '/v1/session', { body: { username: 'root', password: 'x' } });
    expectProblem(signIn, 409, 'not_set_up');
  });

  it('works once, whoever races, and repeats its answer to a resent request', async () => {
    const key = (value: string) => ({ [HEADER.idempotencyKey]: value });
    const answers = await Promise.all([
      setUp('one', key('a')),
      setUp('two', key('b')),
      setUp('three', { 'x-forwarded-for': '203.0.113.9' }, fresh.node.setupCode.toLowerCase()),
    ]);
    expect(answers.map((answer) => answer.status).sort()).toEqual([201, 409, 409]);
    for (const answer of answers) if (answer.status === 409) expectProblem(answer, 409, 'already_set_up');
    expect((await fresh.call('GET', '/v1/setup')).body).toMatchObject({ needed: false, cluster_name: 'c' });
    const first = answers[0];
    const again = await setUp('one', key('a'));
    expect([again.status, again.body.user]).toEqual([first?.status, first?.body.user]);
    expectProblem(await setUp('late'), 409, 'already_set_up');
  });
});
