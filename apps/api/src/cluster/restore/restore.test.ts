import { copyFileSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { RestoreOperation } from '@quorate/shared/restore';
import Database from 'better-sqlite3';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ADMIN, type Answer, type ApiNode, callApi, startApiNode } from '../../testing/api-node';
import { MIGRATIONS_DIR } from '../../testing/state';
import { until } from '../../testing/until';
import { INIT_POLICY, TABLE_POLICY } from './table-policy';
import { openAgentCaller, operationEnd } from './testing';

/** A consistent copy of a node's state. */
async function copyState(node: ApiNode, to: string): Promise<void> {
  const file = new Database(join(node.directory, 'state.db'), { readonly: true });
  await file.backup(to);
  file.close();
}

async function upload(node: ApiNode, token: string, file: string): Promise<Answer> {
  const headers = { 'content-type': 'application/octet-stream' };
  return callApi(node.url, 'POST', '/v1/cluster/restore?name=copy.db', { token, body: readFileSync(file), headers });
}

const finished = (node: ApiNode, token: string): Promise<RestoreOperation> =>
  operationEnd(async () => (await node.call('GET', '/v1/cluster/restore', { token })).body);

const names = async (node: ApiNode, token: string): Promise<string[]> => {
  const { body } = await node.call('GET', '/v1/api-tokens?limit=500', { token });
  return (body.items as { name: string }[]).map((item) => item.name).sort();
};

/** How many entries it has applied, but those of its own by which the load balancer's revisions are recorded now and then. */
function entriesOf(node: ApiNode): unknown {
  const file = new Database(join(node.directory, 'state.db'), { readonly: true });
  const sql = 'SELECT applied_index - (SELECT count(*) FROM haproxy_revisions) FROM system_state';
  const count = file.prepare(sql).pluck().get();
  file.close();
  return count;
}

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'quorate-restore-'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

describe('a single node', () => {
  let node: ApiNode;
  let token: string;
  const copy = (name: string): string => join(directory, name);
  const addToken = (name: string) => node.call('POST', '/v1/api-tokens', { token, body: { name, role: 'viewer' } });

  beforeEach(async () => {
    node = await startApiNode();
    token = await node.setUp();
  });
  afterEach(() => node.stop());

  it('takes the content of the file and keeps its own identity, history and running sessions', async () => {
    await addToken('before');
    await copyState(node, copy('good.db'));
    await addToken('after');
    const history = async (): Promise<{ type: string; local: boolean }[]> => {
      const { body } = await node.call('GET', '/v1/events?limit=500', { token });
      // A revision of the load balancer is recorded when its reconciler comes round: before the first look or after it.
      const items = body.items as { type: string; local: boolean }[];
      return items.filter(({ local, type }) => !local && type !== 'haproxy.revision_created');
    };
    const events = await history();
    const cluster = (await node.call('GET', '/v1/cluster', { token })).body;

    const started = await upload(node, token, copy('good.db'));
    expect(started).toMatchObject({ status: 202, body: { state: 'running', kind: 'restore', source: 'copy.db' } });
    const operation = await finished(node, token);
    expect(operation.error).toBeNull();
    expect(operation).toMatchObject({ state: 'succeeded', percent: 100, epoch: cluster.epoch + 1 });

    expect(await names(node, token)).toEqual(['before']);
    const now = (await node.call('GET', '/v1/cluster', { token })).body;
    expect(now).toMatchObject({ id: cluster.id, epoch: cluster.epoch + 1, ca_fingerprint: cluster.ca_fingerprint });
    expect(now.applied_index).toBeGreaterThan(cluster.applied_index);
    const later = await history();
    expect(later[0]).toMatchObject({ type: 'cluster.restored', actor: ADMIN.username });
    expect(later.slice(1)).toEqual(events);
    const audit = (await node.call('GET', '/v1/audit?action=cluster.restore', { token })).body.items;
    expect(audit).toHaveLength(1);

    await addToken('again');
    expect(await names(node, token)).toEqual(['again', 'before']);
    const safety = new Database(operation.safety_backup ?? '', { readonly: true });
    expect(safety.prepare("SELECT count(*) AS n FROM api_tokens WHERE name = 'after'").get()).toEqual({ n: 1 });
    safety.close();
    expect(node.fatal).toEqual([]);
  });

  it('ends the sessions of users that changed since', async () => {
    await node.createUser(token, 'bob', 'operator');
    await copyState(node, copy('bob.db'));
    const bob = (await node.call('GET', '/v1/users', { token })).body.items.find(
      (user: { username: string }) => user.username === 'bob',
    );
    const stale = await node.signIn('bob', 'the password of bob');
    const change = { password: 'a new password of bob' };
    expect((await node.call('PATCH', `/v1/users/${bob.id}`, { token, body: change })).status).toBe(200);
    expect((await node.call('GET', '/v1/me', { token: stale })).status).toBe(401);
    await upload(node, token, copy('bob.db'));
    await finished(node, token);
    expect((await node.call('GET', '/v1/me', { token: stale })).status).toBe(401);
    const again = await node.signIn('bob', 'the password of bob');
    expect((await node.call('GET', '/v1/me', { token: again })).status).toBe(200);
    expect((await node.call('GET', '/v1/me', { token })).status).toBe(200);
  });

  it('refuses what it cannot use before anything changes, each with its own code', async () => {
    await copyState(node, copy('base.db'));
    const variant = (name: string, change: (file: Database.Database) => void): string => {
      copyFileSync(copy('base.db'), copy(name));
      const file = new Database(copy(name));
      change(file);
      file.close();
      return copy(name);
    };
    writeFileSync(copy('text.db'), 'no database at all');
    writeFileSync(copy('gzip.db'), gzipSync(readFileSync(copy('base.db'))));
    writeFileSync(copy('age.db'), 'age-encryption.org/v1\n-> scrypt …');
    copyFileSync(copy('base.db'), copy('short.db'));
    truncateSync(copy('short.db'), 40_000);
    const foreign = new Database(copy('foreign.db'));
    foreign.exec('CREATE TABLE t (x)');
    foreign.close();
    const cases: [file: string, status: number, code: string][] = [
      [copy('text.db'), 422, 'backup_not_a_state'],
      [copy('gzip.db'), 422, 'backup_not_a_state'],
      [copy('foreign.db'), 422, 'backup_not_a_state'],
      [copy('age.db'), 422, 'backup_encrypted'],
      [copy('short.db'), 422, 'backup_damaged'],
      [
        variant('newer.db', (file) =>
          file.exec(
            "INSERT INTO __drizzle_migrations (hash, created_at) VALUES ('x', 9e15), ('y', 9e15), ('z', 9e15), ('a', 9e15), ('b', 9e15), ('c', 9e15), ('d', 9e15), ('e', 9e15), ('f', 9e15), ('g', 9e15), ('h', 9e15), ('i', 9e15), ('j', 9e15)",
          ),
        ),
        422,
        'backup_schema_newer',
      ],
      [
        variant('older.db', (file) => file.exec("UPDATE __drizzle_migrations SET hash = 'of an old line'")),
        422,
        'backup_schema_older',
      ],
      [
        variant('other.db', (file) =>
          file.exec("UPDATE cluster_info SET cluster_id = '00000000-0000-7000-8000-000000000000'"),
        ),
        409,
        'backup_other_cluster',
      ],
      [variant('nobody.db', (file) => file.exec('DELETE FROM users')), 422, 'backup_without_admin'],
    ];
    const entries = entriesOf(node);
    const before = (await node.call('GET', '/v1/cluster', { token })).body;
    for (const [file, status, code] of cases) {
      const answer = await upload(node, token, file);
      expect({ file, status: answer.status, code: answer.body.code }).toEqual({ file, status, code });
      expect(answer.body.detail, code).toMatch(/[;:]/);
    }
    const json = await node.call('POST', '/v1/cluster/restore', { token, body: {} });
    expect(json).toMatchObject({ status: 415, body: { code: 'unsupported_media_type' } });
    const after = (await node.call('GET', '/v1/cluster', { token })).body;
    expect(after.epoch).toBe(before.epoch);
    expect(entriesOf(node)).toBe(entries);
    expect((await node.call('GET', '/v1/cluster/restore', { token })).body).toEqual({ operation: null });
  });

  it('waits for who copies the state, and holds up nobody meanwhile', async () => {
    await addToken('kept');
    await copyState(node, copy('busy.db'));
    await addToken('lost');
    const reader = new Database(join(node.directory, 'state.db'), { readonly: true });
    reader.exec('BEGIN');
    reader.prepare('SELECT count(*) FROM users').get();
    // The reader sees the state before this one, so the write-ahead log cannot be emptied.
    await addToken('lost too');
    let [last, worstMs] = [performance.now(), 0];
    const timer = setInterval(() => {
      worstMs = Math.max(worstMs, performance.now() - last);
      last = performance.now();
    }, 5);
    try {
      await upload(node, token, copy('busy.db'));
      const look = async () => (await node.call('GET', '/v1/cluster/restore', { token })).body;
      await until(async () => (await look()).operation.stage === 'switching', 'it is about to switch');
      expect((await addToken('while it waits')).status).toBe(201);
      reader.close();
      expect(await finished(node, token)).toMatchObject({ state: 'succeeded', error: null });
    } finally {
      clearInterval(timer);
      reader.close();
    }
    expect(worstMs).toBeLessThan(1_000);
    expect(await names(node, token)).toEqual(['kept']);
  });

  it('fails an operation whose file has a damaged page, and changes nothing', async () => {
    for (let n = 0; n < 50; n++) await addToken(`filler-${n}`);
    await copyState(node, copy('page.db'));
    const bytes = readFileSync(copy('page.db'));
    // Interior of a page in the middle of the file: the header and the schema stay whole.
    bytes.fill(0xff, 4096 * 20 + 8, 4096 * 21);
    writeFileSync(copy('page.db'), bytes);
    await upload(node, token, copy('page.db'));
    const operation = await finished(node, token);
    expect(operation).toMatchObject({ state: 'failed', stage: 'checking', error: { code: 'backup_damaged' } });
    expect(await names(node, token)).toContain('filler-49');
  });

  it('takes a file by its path on the agent socket only', async () => {
    await addToken('kept');
    await copyState(node, copy('path.db'));
    await addToken('lost');
    const agent = openAgentCaller(node.directory);
    try {
      const path = '/v1/agent/cluster/restore-from-db';
      expect((await node.call('POST', path, { token, body: { path: copy('path.db') } })).status).toBe(404);
      expect(await agent.call('POST', path, { path: 'path.db' })).toMatchObject({ status: 422 });
      expect(await agent.call('POST', path, { path: copy('absent.db') })).toMatchObject({ status: 404 });
      expect(await agent.call('POST', path, { path: copy('path.db') })).toMatchObject({ status: 202 });
      expect(await finished(node, token)).toMatchObject({ state: 'succeeded' });
      expect(await names(node, token)).toEqual(['kept']);
      const init = await agent.call('POST', '/v1/agent/cluster/init-from-db', { path: copy('path.db') });
      expect(init).toMatchObject({ status: 409, body: { code: 'already_set_up' } });
    } finally {
      await agent.close();
    }
  });

  it('makes a fresh node a cluster of its own with the content of the file', async () => {
    await addToken('moved');
    await copyState(node, copy('move.db'));
    const origin = (await node.call('GET', '/v1/cluster', { token })).body;
    const fresh = await startApiNode();
    const agent = openAgentCaller(fresh.directory);
    try {
      const own = (await agent.call('GET', '/v1/cluster')).body as Record<string, unknown>;
      expect(await agent.call('POST', '/v1/agent/cluster/init-from-db', { path: copy('move.db') })).toMatchObject({
        status: 202,
        body: { kind: 'init' },
      });
      const operation = await operationEnd(async () => (await agent.call('GET', '/v1/cluster/restore')).body);
      expect(operation.error).toBeNull();
      const signedIn = await fresh.signIn(ADMIN.username, ADMIN.password);
      const cluster = (await fresh.call('GET', '/v1/cluster', { token: signedIn })).body;
      expect(cluster).toMatchObject({ id: own['id'], name: origin.name, ca_fingerprint: own['ca_fingerprint'] });
      expect(cluster.members).toHaveLength(1);
      expect(await names(fresh, signedIn)).toEqual(['moved']);
      expect(fresh.fatal).toEqual([]);
    } finally {
      await agent.close();
      await fresh.stop();
    }
  });
});

it('knows what becomes of every table', () => {
  const file = new Database(':memory:');
  for (const { tag } of JSON.parse(readFileSync(join(MIGRATIONS_DIR, 'meta/_journal.json'), 'utf8')).entries) {
    file.exec(readFileSync(join(MIGRATIONS_DIR, `${tag}.sql`), 'utf8'));
  }
  const tables = file
    .prepare<[], { name: string }>("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
    .all()
    .map((row) => row.name);
  expect(Object.keys(TABLE_POLICY).sort()).toEqual(tables);
  expect(Object.keys(INIT_POLICY).filter((name) => !tables.includes(name))).toEqual([]);
});
