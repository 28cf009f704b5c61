import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ADMIN, type ApiNode, startApiNode } from '../testing/api-node';
import { expectProblem, pointersOf } from '../testing/problem';

let api: ApiNode;
let token: string;
beforeAll(async () => {
  api = await startApiNode();
  token = await api.setUp();
});
afterAll(() => api?.stop());

const newUser = (username: string) => ({ username, password: 'long enough to do', role: 'viewer' });

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
    expect(pointersOf(wrong)).toEqual(['/current_password']);
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
