import { afterEach, describe, expect, it } from 'vitest';
import { createRegistry } from '../../commands/define-command';
import { silentLogger } from '../../lib/logger';
import { type Replica, startReplica } from '../../testing/replica';
import { members } from '../members/table';
import { backupCommands, createBackup, deleteBackups, reportBackup } from './commands';
import type { BackupFiles } from './files';
import { createBackupKeeper } from './keeper';
import { findBackup } from './queries';
import { backupSettingsCommands, setSchedule } from './settings/commands';
import { backups } from './table';

const uuid = (n: number): string => `00000000-0000-7000-8000-${String(n).padStart(12, '0')}`;
const HOUR = 3_600_000;

describe('what the leader does for backups', () => {
  let replica: Replica;
  let now = Date.parse('2026-01-01T00:00:00Z');
  afterEach(() => replica?.stop());

  async function start() {
    replica = await startReplica({
      log: 'local',
      registry: createRegistry([...backupCommands, ...backupSettingsCommands]),
      clock: () => now,
    });
    const { db } = replica.store;
    const unused = { raftPeerAddress: '', raftClientAddress: '', apiUrl: '', version: '', joinedAt: 0, stageAt: 0 };
    for (const id of [1, 2]) {
      const known = { keyPin: `pin-${id}`, name: `n${id}`, clusterAddress: `n${id}:1`, featureLevel: 1 };
      db.insert(members)
        .values({ ...unused, ...known, id, state: 'voter' })
        .run();
    }
    const seen = new Map([[2, now]]);
    // Nothing of these tests is stored anywhere.
    const files: Pick<BackupFiles, 'withStorage'> = { withStorage: () => Promise.reject(new Error('no storage')) };
    const keeperOf = (nodeId: number, leads = true) =>
      createBackupKeeper({
        ...{ nodeId, version: '1', db: () => replica.store.db, proposer: replica.proposer, leads: () => leads },
        files,
        lastSeenAt: (id) => seen.get(id),
        clock: () => now,
        logger: silentLogger(),
      });
    const add = async (id: number, nodeId: number): Promise<void> => {
      await replica.propose(createBackup, { id: uuid(id), nodeId, target: 'local', note: '', version: '1' });
    };
    return { db, keeperOf, add, seen };
  }

  it('gives up what a silent node has begun, and not before', async () => {
    const { db, keeperOf, add, seen } = await start();
    const keeper = keeperOf(1);
    await add(1, 2);
    await add(2, 1);
    await replica.propose(reportBackup, { id: uuid(1), nodeId: 2, stage: 'copying' as const, percent: 5 });
    await keeper.run();
    now += 20_000;
    seen.set(2, now);
    now += 20_000;
    await keeper.run();
    expect(findBackup(db, uuid(1)).state).toBe('running');
    now += 20_000;
    await keeper.run();
    expect(findBackup(db, uuid(1))).toMatchObject({ state: 'failed', errorCode: 'node_lost' });
    expect(findBackup(db, uuid(2)).state).toBe('queued');
    // The node comes back and goes on: it is told that nobody waits.
    const late = replica.propose(reportBackup, { id: uuid(1), nodeId: 2, stage: 'storing' as const, percent: 65 });
    await expect(late).rejects.toMatchObject({ code: 'conflict' });
  });

  it('starts each due time once, however many think that they lead, and counts what was missed', async () => {
    const { db, keeperOf } = await start();
    const schedule = { enabled: true, cron: '0 * * * *', timeZone: 'UTC', target: 'local', keepCount: 0, keepDays: 0 };
    await replica.propose(setSchedule, { ...schedule, ifMatch: null });
    const [one, two] = [keeperOf(1), keeperOf(2)];
    await Promise.all([one.run(), two.run(), keeperOf(2, false).run()]);
    expect(db.select().from(backups).all()).toEqual([]);
    now += HOUR;
    await Promise.all([one.run(), two.run()]);
    await Promise.all([one.run(), two.run()]);
    expect(db.select().from(backups).all()).toMatchObject([{ kind: 'scheduled' }]);
    now += 5 * HOUR;
    await Promise.all([two.run(), one.run()]);
    expect(db.select().from(backups).all()).toHaveLength(2);
    const events = db.$client.prepare("SELECT data FROM events WHERE type = 'backup.missed'").all();
    expect(events).toEqual([{ data: JSON.stringify({ missed: 4 }) }]);
    // A new schedule owes nothing for the time before it.
    now += 10 * HOUR;
    await replica.propose(setSchedule, { ...schedule, cron: '30 * * * *', ifMatch: null });
    await one.run();
    expect(db.select().from(backups).all()).toHaveLength(2);
  });

  it('forgets backups on the disk of a node that was removed', async () => {
    const { db, keeperOf, add } = await start();
    await add(1, 2);
    db.update(backups).set({ state: 'completed' }).run();
    await replica.propose(deleteBackups, { ids: [uuid(1)], reason: 'request' as const });
    await keeperOf(1).run();
    expect(findBackup(db, uuid(1)).state).toBe('deleting');
    db.$client.prepare("UPDATE members SET state = 'removed' WHERE id = 2").run();
    await keeperOf(1).run();
    expect(db.select().from(backups).all()).toEqual([]);
  });
});
