import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { uuidv7 } from '../../../lib/ids';
import { commandRegistry } from '../../../registry';
import { type Replica, startReplica } from '../../../testing/replica';
import { cancelJob, pruneJobs, reportJobs, retryDeadLetters, startCoreJobs, submitJobs } from '../commands';
import { countByState, countOver, openJobs } from '../queries';
import { jobs } from '../table';
import { createSchedule, enableSchedule, findSchedule, updateSchedule } from './commands';
import { createScheduleRunner } from './runner';

const MINUTE = 60_000;
const START = Date.parse('2026-03-01T00:00:30Z');
let replica: Replica;
let now: number;
beforeEach(async () => {
  now = START;
  replica = await startReplica({ log: 'local', registry: commandRegistry, clock: () => now });
});
afterEach(() => replica.stop());

// What the cluster does itself needs no runner here.
const spec = { kind: 'backup' as const, target: 'local', note: '', node_id: null };
const fields = {
  ...{ name: 'each minute', enabled: true, cron: '* * * * *', timeZone: 'UTC', spec, priority: 0 },
  ...{ maxAttempts: 1, backoffMs: 0, overlap: 'allow' as const, missed: 'run_latest' as const },
};
async function create(change: Partial<typeof fields> | object = {}): Promise<string> {
  const { result } = await replica.propose(createSchedule, { id: uuidv7(), ...fields, ...change });
  return result.id;
}
const db = () => replica.store.db;
const leader = (nodeId: number) =>
  createScheduleRunner({
    ...{ db, nodeId, clock: () => now },
    propose: replica.proposer.propose,
    isLeader: () => true,
  });
const submitted = (id: string) =>
  db()
    .select()
    .from(jobs)
    .all()
    .filter((job) => job.scheduleId === id);

describe('a schedule of jobs', () => {
  it('submits once for each due time, however many lead', async () => {
    const id = await create();
    const leaders = [leader(1), leader(2), leader(3)];
    for (let minute = 0; minute < 5; minute += 1) {
      now = START + minute * MINUTE;
      await Promise.all(leaders.map((one) => one.run()));
      await leader(4).run();
    }
    expect(submitted(id)).toHaveLength(4);
    expect(findSchedule(db(), id)).toMatchObject({ runs: 4, missedRuns: 0, skippedRuns: 0 });
  });

  it('runs the last of the due times that were missed, or none, as it is set', async () => {
    const [latest, none] = [await create(), await create({ name: 'exact', missed: 'skip', cron: '0 * * * *' })];
    now = START + 190 * MINUTE;
    await leader(1).run();
    expect(findSchedule(db(), latest)).toMatchObject({ runs: 1, missedRuns: 189 });
    expect(findSchedule(db(), none)).toMatchObject({ runs: 0, missedRuns: 3 });
    expect([submitted(latest).length, submitted(none).length]).toEqual([1, 0]);
  });

  it('submits none while one is open, unless it may overlap', async () => {
    const id = await create({ overlap: 'skip' });
    for (let minute = 1; minute <= 3; minute += 1) {
      now = START + minute * MINUTE;
      await leader(1).run();
    }
    expect(findSchedule(db(), id)).toMatchObject({ runs: 1, skippedRuns: 2 });
    await replica.propose(cancelJob, { id: submitted(id)[0]?.id ?? '' });
    now += MINUTE;
    await leader(1).run();
    expect(findSchedule(db(), id)).toMatchObject({ runs: 2, skippedRuns: 2 });
  });

  it('owes nothing for the time when it was off or another', async () => {
    const id = await create();
    await replica.propose(enableSchedule, { id, enabled: false });
    now += 10 * MINUTE;
    await leader(1).run();
    await replica.propose(enableSchedule, { id, enabled: true });
    await leader(1).run();
    expect(submitted(id)).toHaveLength(0);
    now += 10 * MINUTE;
    await replica.propose(updateSchedule, { id, ...fields, cron: '0 0 * * *', ifMatch: null });
    await leader(1).run();
    expect(submitted(id)).toHaveLength(0);
    const stale = replica.propose(updateSchedule, { id, ...fields, ifMatch: '"stale"' });
    await expect(stale).rejects.toMatchObject({ code: 'precondition_failed' });
  });
});

describe('dead letters', () => {
  async function fail(count: number): Promise<void> {
    for (let n = 0; n < count; n += 1)
      await replica.propose(submitJobs, { jobs: [{ id: uuidv7(), spec, priority: 0, maxAttempts: 1, backoffMs: 0 }] });
    for (let left = count; left > 0; left -= 8) {
      await replica.propose(startCoreJobs, {});
      const running = db()
        .select()
        .from(jobs)
        .all()
        .filter(({ state }) => state === 'running');
      const end = {
        outcome: 'failed' as const,
        exitCode: 1,
        signal: null,
        error: 'no',
        outputTail: '',
        outputBytes: 0,
      };
      const reports = running.map(({ id, attempt }) => ({ id, attempt, step: 'finished' as const, began: true, end }));
      const first = await replica.propose(reportJobs, { runnerId: 'core', reports });
      expect(first.result.refused).toEqual([]);
      const again = await replica.propose(reportJobs, { runnerId: 'core', reports });
      expect(again.result.refused).toHaveLength(reports.length);
    }
  }

  it('are counted, run again by filter, and bounded', async () => {
    await fail(20);
    expect([countOver(db(), 'failed'), openJobs(db())]).toEqual([20, 0]);
    const filter = { kind: null, scheduleId: null, before: null };
    const none = await replica.propose(retryDeadLetters, { ...filter, kind: 'exec', limit: 100 });
    expect(none.result).toEqual({ retried: 0, left: 0 });
    const some = await replica.propose(retryDeadLetters, { ...filter, kind: 'backup', limit: 15 });
    expect(some.result).toEqual({ retried: 15, left: 5 });
    expect([countByState(db()).get('queued'), openJobs(db())]).toEqual([15, 15]);
    // 5,000 are kept: the oldest go.
    const [row] = db()
      .select()
      .from(jobs)
      .all()
      .filter(({ state }) => state === 'failed');
    if (!row) throw new Error('there is a dead letter');
    const more = Array.from({ length: 100 }, (_, n) => n);
    for (const part of more) {
      const rows = Array.from({ length: 50 }, () => ({ ...row, id: uuidv7(), finishedAt: now + 1 + part }));
      db().insert(jobs).values(rows).run();
    }
    expect((await replica.propose(pruneJobs, { limit: 2_000 })).result).toEqual({ pruned: 5 });
    expect(countOver(db(), 'failed')).toBe(5_000);
    expect(
      db()
        .select()
        .from(jobs)
        .all()
        .some(({ id }) => id === row.id),
    ).toBe(false);
  });
});
