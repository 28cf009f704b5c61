import { RETENTION_DEFAULTS } from '@quorate/shared/retention';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { trimRecords } from '../../commands/entry-records';
import type { StateDb } from '../../db/state-store';
import { commandRegistry } from '../../registry';
import { createMemoryLog } from '../../replication/memory-log';
import { type ApiNode, startApiNode } from '../../testing/api-node';
import { type Replica, startReplica } from '../../testing/replica';
import { stateDigest } from '../../testing/state-digest';
import { until } from '../../testing/until';
import { setRetention } from './commands';

const PATH = '/v1/settings/retention';

describe('the retention of events and audit', () => {
  let api: ApiNode;
  let admin: string;
  beforeAll(async () => {
    api = await startApiNode();
    admin = await api.setUp();
  });
  afterAll(() => api?.stop());
  const put = (events: number, audit: number, headers: Record<string, string> = {}, token = admin) =>
    api.call('PUT', PATH, { token, body: { events, audit }, headers });

  it('is shown with what is stored, and set once by whoever saw the last version', async () => {
    const before = await api.call('GET', PATH, { token: admin });
    expect(before.body).toMatchObject({ ...RETENTION_DEFAULTS, stored: { events: expect.any(Number) } });
    expect(before.body.stored.audit).toBeGreaterThan(0);
    const etag = before.headers.get('etag') ?? '';
    const won = await put(2_000, 3_000, { 'if-match': etag });
    expect(won).toMatchObject({ status: 200, body: { events: 2_000, audit: 3_000 } });
    expect(won.headers.get('etag')).not.toBe(etag);
    expect(await put(4_000, 3_000, { 'if-match': etag })).toMatchObject({
      status: 412,
      body: { code: 'precondition_failed' },
    });
    const events = await api.call('GET', '/v1/events?type=retention.changed', { token: admin });
    expect(events.body.items.map(({ message }: { message: string }) => message)).toEqual([
      'ada keeps 2000 events and 3000 audit records',
    ]);
    // The same again is no change.
    await put(2_000, 3_000);
    const still = await api.call('GET', '/v1/events?type=retention.changed', { token: admin });
    expect(still.body.items).toHaveLength(1);
  });

  it('names what is out of bounds, and is set by admins alone', async () => {
    const wrong = await put(10, 3_000_000);
    expect(wrong).toMatchObject({ status: 422, body: { code: 'validation_failed' } });
    expect(wrong.body.errors.map(({ pointer }: { pointer: string }) => pointer).sort()).toEqual(['/audit', '/events']);
    const { token } = await api.createUser(admin, 'eve', 'operator');
    expect((await put(2_000, 2_000, {}, token)).status).toBe(403);
    expect((await api.call('GET', PATH, { token })).status).toBe(200);
  });
});

describe('trimming', () => {
  const replicas: Replica[] = [];
  afterEach(async () => {
    for (const replica of replicas.splice(0)) await replica.stop();
  });
  const count = (db: StateDb, table: string): number =>
    db.$client.prepare<[], number>(`SELECT count(*) FROM ${table}`).pluck().get() ?? 0;
  function fill(db: StateDb, rows: number): void {
    const event = db.$client.prepare(
      "INSERT INTO events (id, type, source_node, log_index, at, actor, message, data) VALUES (?, 'alarm.raised', 0, 1, 0, '', '', '{}')",
    );
    db.$client.transaction(() => {
      for (let n = 0; n < rows; n += 1) event.run(`filler ${n}`);
    })();
  }

  it('drops the oldest rows beyond what is kept, a bounded number at a time', async () => {
    const replica = await startReplica({ log: 'local', registry: commandRegistry });
    replicas.push(replica);
    const { db } = replica.store;
    fill(db, 12_000);
    trimRecords(db, 0);
    expect(count(db, 'events')).toBe(12_000);
    await replica.propose(setRetention, { events: 1_000, audit: 1_000, ifMatch: null });
    for (const left of [7_001, 2_001, 1_000, 1_000]) {
      trimRecords(db, 0);
      expect(count(db, 'events')).toBe(left);
    }
    const oldest = db.$client.prepare('SELECT min(seq) FROM events').pluck().get();
    expect(oldest).toBe(11_002);
  });

  it('is the same on every replica, whenever that applied it', async () => {
    const log = createMemoryLog();
    const [one, two] = await Promise.all(
      [1, 2].map((nodeId) => startReplica({ log, nodeId, registry: commandRegistry })),
    );
    if (!one || !two) throw new Error('two replicas');
    replicas.push(one, two);
    for (const replica of replicas) fill(replica.store.db, 2_000);
    await two.follow(false);
    for (let n = 0; n < 300; n += 1) {
      await one.propose(setRetention, { events: 1_000 + (n % 7), audit: 1_000, ifMatch: null });
    }
    await two.follow(true);
    await until(() => two.applier.position.index === one.applier.position.index, 'it caught up');
    expect(count(one.store.db, 'events')).toBeLessThan(1_400);
    expect(stateDigest(two.store.db)).toEqual(stateDigest(one.store.db));
  });
});
