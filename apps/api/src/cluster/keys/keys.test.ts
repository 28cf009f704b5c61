import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Keys } from '@quorate/shared/keys';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openStateStore } from '../../db/state-store';
import { ADMIN, type ApiNode, startApiNode } from '../../testing/api-node';
import { MIGRATIONS_DIR } from '../../testing/state';
import { until } from '../../testing/until';
import { SEALED_STORES } from './sealed';

const DAY_MS = 24 * 3600 * 1000;

describe('the keys of a single node', () => {
  let api: ApiNode;
  let token: string;
  let now: number;

  beforeEach(async () => {
    now = Date.now();
    api = await startApiNode({ clock: () => now });
    token = await api.setUp();
  });
  afterEach(() => api.stop());

  const call = (method: string, path: string, body?: unknown, as = token) =>
    api.call(method, path, { token: as, ...(body === undefined ? {} : { body }) });
  const keys = async (): Promise<Keys> => (await call('GET', '/v1/cluster/keys')).body as never;
  const whoAmI = async (as: string): Promise<number> => (await call('GET', '/v1/me', undefined, as)).status;

  it('are shown with what happens next', async () => {
    const shown = await keys();
    expect(shown).toMatchObject({
      own_ca: true,
      ca_rotation: null,
      certificates: [
        { kind: 'ca', node_id: null, state: 'ok', renews_at: null },
        { kind: 'node', node_id: 1, state: 'ok', subject: 'quorate-node-1' },
      ],
      session_keys: [{ state: 'signing', accepted_until: null }],
      cluster_key: { secrets: 2, missing_on: [] },
    });
    const [ca, node] = shown.certificates;
    expect(node?.issuer_fingerprint).toBe(ca?.fingerprint);
    const life = Date.parse(node?.not_after ?? '') - Date.parse(node?.renews_at ?? '');
    expect(Math.round(life / DAY_MS)).toBe(146);
    expect((await api.call('GET', '/v1/cluster/keys')).status).toBe(401);
  });

  it('renew the certificate before two thirds of its life, and at once when it has expired', async () => {
    const before = (await keys()).certificates[1];
    now += 220 * DAY_MS;
    await until(async () => (await relogin()).certificates[1]?.fingerprint !== before?.fingerprint, 'it is renewed');
    const renewed = (await keys()).certificates[1];
    expect(renewed?.state).toBe('ok');
    expect(Date.parse(renewed?.not_before ?? '')).toBeGreaterThan(now - DAY_MS);
    now += 400 * DAY_MS;
    await until(async () => (await relogin()).certificates[1]?.state === 'ok', 'an expired one is renewed');
  });
  /** The session has expired with the clock. */
  async function relogin(): Promise<Keys> {
    token = await api.signIn(ADMIN.username, ADMIN.password);
    return keys();
  }

  it('let sessions outlive their signing key, and end them when that is asked for', async () => {
    const first = (await keys()).session_keys[0];
    const rotated = await call('POST', '/v1/cluster/keys/session/rotate', {});
    expect(rotated.status).toBe(200);
    const [signing, retired, ...others] = (rotated.body as never as Keys).session_keys;
    expect(others).toEqual([]);
    expect(retired).toMatchObject({ id: first?.id, state: 'retired' });
    expect(signing?.id).not.toBe(first?.id);
    expect(await whoAmI(token)).toBe(200);
    const kidOf = (jwt: string) => JSON.parse(Buffer.from(jwt.split('.')[0] ?? '', 'base64url').toString()).kid;
    expect(kidOf(await api.signIn(ADMIN.username, ADMIN.password))).toBe(first?.id);
    now += 31_000;
    const next = await api.signIn(ADMIN.username, ADMIN.password);
    expect(kidOf(next)).toBe(signing?.id);
    expect([await whoAmI(token), await whoAmI(next)]).toEqual([200, 200]);

    const ended = await call('POST', '/v1/cluster/keys/session/rotate', { end_sessions: true });
    expect((ended.body as never as Keys).session_keys).toHaveLength(1);
    expect([await whoAmI(token), await whoAmI(next)]).toEqual([401, 401]);
    token = await api.signIn(ADMIN.username, ADMIN.password);
    expect(await whoAmI(token)).toBe(200);
  });

  it('replace the cluster key with everything under it, on disk too, and keep repeated requests what they are', async () => {
    const hook = { name: 'chat', url: 'https://127.0.0.1:1/', types: ['user'] };
    const made = await call('POST', '/v1/webhooks', hook);
    expect(made.status).toBe(201);
    const passphrase = { mode: 'passphrase', passphrase: 'a passphrase of backups' };
    expect((await call('PUT', '/v1/backups/encryption', passphrase)).status).toBe(200);
    const target = { name: 's3', endpoint: 'http://127.0.0.1:1', region: 'x', bucket: 'backups', prefix: '' };
    const added = { ...target, access_key_id: 'id', secret_access_key: 'secret' };
    expect((await call('POST', '/v1/backups/targets', added)).status).toBe(201);
    const keyed = { token, body: { name: 'ci', role: 'viewer' }, headers: { 'Idempotency-Key': 'same' } };
    const minted = await api.call('POST', '/v1/api-tokens', keyed);
    expect(minted.status).toBe(201);
    const keyFile = join(api.directory, 'pki/cluster.key');
    const before = { text: readFileSync(keyFile, 'utf8'), shown: await keys() };

    const answer = await call('POST', '/v1/cluster/keys/cluster/rotate');
    expect(answer.status).toBe(200);
    const { cluster_key: key } = answer.body as never as Keys;
    expect(key.id).not.toBe(before.shown.cluster_key.id);
    expect(key.secrets).toBe(before.shown.cluster_key.secrets + 1);
    expect(readFileSync(keyFile, 'utf8')).not.toBe(before.text);
    await until(async () => (await keys()).cluster_key.missing_on.length === 0, 'the node says that it holds it');
    expect(await whoAmI(token)).toBe(200);
    // The secret opens: the attempt is made, and nobody answers.
    const tried = await call('POST', `/v1/webhooks/${made.body.id}/test`);
    expect([tried.status, tried.body.delivered]).toEqual([200, false]);
    const again = await api.call('POST', '/v1/api-tokens', keyed);
    expect([again.status, again.body.token]).toEqual([201, minted.body.token]);

    const state = new Database(join(api.directory, 'state.db'), { readonly: true });
    const kids = state
      .prepare(
        'SELECT jwe FROM cluster_secrets UNION SELECT secret_jwe FROM webhooks UNION ' +
          'SELECT secret_jwe FROM backup_targets UNION SELECT passphrase_jwe FROM backup_settings',
      )
      .pluck()
      .all()
      .map((jwe) => JSON.parse(Buffer.from(String(jwe).split('.')[0] ?? '', 'base64url').toString()).kid);
    state.close();
    expect(kids).toHaveLength(6);
    expect(new Set(kids)).toEqual(new Set([key.id]));
  });

  it('replace the CA without a restart, and refuse a second time and new joins meanwhile', async () => {
    const before = await keys();
    const started = await call('POST', '/v1/cluster/keys/ca/rotate', { hold: true });
    expect([started.status, started.body.state]).toEqual([202, 'running']);
    const second = await call('POST', '/v1/cluster/keys/ca/rotate', {});
    expect(second.body.code).toBe('ca_rotation_in_progress');
    const operation = async () => (await call('GET', '/v1/cluster/keys/ca/rotation')).body.operation;
    await until(async () => (await operation()).stage === 'ready', 'it waits for clients', 20_000);
    const held = await keys();
    expect(held.ca_pem.match(/BEGIN CERTIFICATE/g)).toHaveLength(2);
    expect(held.certificates.map(({ kind }) => kind)).toEqual(['ca', 'ca', 'node']);
    expect(held.certificates[2]?.issuer_fingerprint).toBe(before.certificates[0]?.fingerprint);
    expect((await call('POST', '/v1/cluster/keys/ca/rotation/continue')).status).toBe(202);
    await until(async () => (await operation()).state === 'succeeded', 'the CA is replaced', 20_000);
    const after = await keys();
    const [ca, node, ...others] = after.certificates;
    expect(others).toEqual([]);
    expect(ca?.fingerprint).toBe(after.ca_rotation?.new_fingerprint);
    expect(ca?.fingerprint).not.toBe(before.certificates[0]?.fingerprint);
    expect(node?.issuer_fingerprint).toBe(ca?.fingerprint);
    expect(after.ca_rotation).toMatchObject({ percent: 100, stage: 'finished', waiting_for: '' });
    expect(after.cluster_key.id).not.toBe(before.cluster_key.id);
    expect((await call('GET', '/v1/cluster')).body.ca_fingerprint).toBe(ca?.fingerprint);
  });
});

it('knows every column that holds a secret under the cluster key', () => {
  const store = openStateStore({ path: ':memory:', migrationsDir: MIGRATIONS_DIR, durability: 'FULL' });
  const columns = store.db.$client
    .prepare(
      "SELECT s.name || '.' || c.name FROM sqlite_schema s, pragma_table_info(s.name) c WHERE s.type = 'table' " +
        "AND (c.name = 'jwe' OR c.name LIKE '%\\_jwe' ESCAPE '\\')",
    )
    .pluck()
    .all();
  store.close();
  expect(columns.sort()).toEqual(Object.keys(SEALED_STORES).sort());
});
