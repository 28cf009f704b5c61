import { request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { HEADER } from '@quorate/shared/http-headers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ADMIN, type Answer, type ApiNode, startApiNode } from '../testing/api-node';
import { expectProblem, pointersOf } from '../testing/problem';

let api: ApiNode;
let token: string;
beforeAll(async () => {
  api = await startApiNode();
  token = await api.setUp();
});
afterAll(() => api?.stop());

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
    expect(new Set(pointersOf(answer))).toEqual(new Set(['/username', '/password', '/role', '/pass~1word']));
    expect(answer.body.detail).toContain('unknown field');
  });

  it('unknown fields below the top, where a schema would drop them', async () => {
    const spec = { command: '/bin/true', evn: { A: '1' }, env: { ANY: 'key' }, health: { type: 'none', 'a/b': 1 } };
    const answer = await api.call('POST', '/v1/services', { token, body: { name: 'typo', spec } });
    expectProblem(answer, 422, 'validation_failed');
    expect(pointersOf(answer)).toEqual(['/spec/evn', '/spec/health/a~1b']);
    const { evn: _typo, ...rest } = { ...spec, health: { type: 'none' } };
    const made = await api.call('POST', '/v1/services', { token, body: { name: 'typo', spec: rest } });
    expect(made.body.spec.env).toEqual({ ANY: 'key' });
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
      expect(pointersOf(answer)).toEqual(['']);
    }
  });

  it('no body', async () => {
    const answer = await api.call('POST', '/v1/users', { token });
    expectProblem(answer, 422, 'validation_failed');
    expect(pointersOf(answer)).toEqual(['/username', '/password', '/role']);
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
      expect(pointersOf(answer), query).toEqual([pointer]);
    }
  });

  it('query parameters that a private route does not know, rather than ignoring ?dry_run', async () => {
    const made = await post(newUser('stays'));
    const answer = await api.call('DELETE', `/v1/users/${made.body.id}?dry_run=1`, { token });
    expectProblem(answer, 422, 'validation_failed');
    expect(pointersOf(answer)).toEqual(['query/dry_run']);
    expect((await api.call('GET', `/v1/users/${made.body.id}`, { token })).status).toBe(200);
    expect((await api.call('GET', '/livez?probe=7')).status).toBe(200);
  });

  it('a bad path parameter', async () => {
    const answer = await api.call('GET', '/v1/users/not-a-uuid', { token });
    expectProblem(answer, 422, 'validation_failed');
    expect(pointersOf(answer)).toEqual(['path/id']);
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
    expect(pointersOf(answer)).toEqual(['/username']);
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
    expect(pointersOf(wrong)).toEqual(['/setup_code']);
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
