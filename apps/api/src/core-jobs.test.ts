import { jobSpecSchema } from '@quorate/shared/jobs';
import { serviceSpecSchema } from '@quorate/shared/services';
import { eq } from 'drizzle-orm';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { backupJobs } from './cluster/backups/job-kind';
import { backups } from './cluster/backups/table';
import { members } from './cluster/members/table';
import { events } from './db/system-table';
import { silentLogger } from './lib/logger';
import { commandRegistry } from './registry';
import { runners } from './resources/runners/table';
import { type Replica, startReplica } from './testing/replica';
import { submitJobs } from './work/jobs/commands';
import { createCoreRunner } from './work/jobs/core-runner';
import { findJob } from './work/jobs/queries';
import { createService } from './work/services/commands';
import { restartJobs } from './work/services/job-kind';
import { createPlanning } from './work/services/planner';
import { replicasOf } from './work/services/queries';
import { serviceReplicas } from './work/services/table';

let replica: Replica;
let at = Date.now();
beforeAll(async () => {
  replica = await startReplica({ log: 'local', registry: commandRegistry, clock: () => at });
});
afterAll(() => replica?.stop());
const db = () => replica.store.db;

/** Two nodes of which each believes that it leads: one that does not know yet that it is over, and the next one. */
const leaders = () =>
  [1, 2].map((nodeId) =>
    createCoreRunner({
      ...{ db, nodeId, propose: replica.proposer.propose, isLeader: () => true, clock: () => at },
      ...{ kinds: [backupJobs('test'), restartJobs], logger: silentLogger() },
    }),
  );

async function submit(n: number, spec: object): Promise<string> {
  const id = `0190b0f3-7c1e-7d52-b0aa-00000000000${n}`;
  await replica.propose(submitJobs, {
    jobs: [{ id, spec: jobSpecSchema.parse(spec), priority: 0, maxAttempts: 1, backoffMs: 0 }],
  });
  return id;
}

/** Both at the same time, and each after the other. */
async function bothStep(rounds: number): Promise<void> {
  for (let round = 0; round < rounds; round += 1) {
    const [before, next] = leaders();
    await Promise.all([before?.run(), next?.run()]);
    at += 500;
  }
}
const eventsOf = (type: string) => db().select().from(events).where(eq(events.type, type)).all();

it('a backup job makes one backup, though the leader changes in the middle of it', async () => {
  const unused = { raftPeerAddress: '', raftClientAddress: '', apiUrl: '', version: '', joinedAt: 0, stageAt: 0 };
  for (const n of [1, 2]) {
    const known = { keyPin: `pin-${n}`, name: `n${n}`, clusterAddress: `n${n}:1`, featureLevel: 1 };
    db()
      .insert(members)
      .values({ ...unused, ...known, id: n, state: 'voter' })
      .run();
  }
  const id = await submit(1, { kind: 'backup' });
  await bothStep(4);
  const made = db().select().from(backups).all();
  expect(made).toHaveLength(1);
  expect(findJob(db(), id).state).toBe('running');
  db().update(backups).set({ state: 'completed', file: 'one.qbk' }).run();
  await bothStep(3);
  expect(findJob(db(), id)).toMatchObject({
    state: 'succeeded',
    attempt: 1,
    outputTail: `backup ${made[0]?.id}: one.qbk\n`,
  });
  expect(db().select().from(backups).all()).toHaveLength(1);
});

it('a restart job restarts each replica once, though the leader changes in the middle of it', async () => {
  const runner = '00000000-0000-7000-8000-000000000001';
  db()
    .insert(runners)
    .values({
      ...{ id: runner, name: 'runner', nodeId: 1, keyPin: null, labels: {}, capacity: 4, version: 'test', address: '' },
      ...{ state: 'active', drainedAt: null, status: 'online', statusSince: at, certificateExpiresAt: null },
      ...{ joinedAt: at, removedAt: null },
    })
    .run();
  const spec = serviceSpecSchema.parse({ command: 'sleep', max_unavailable: 2 });
  await replica.propose(createService, { name: 'web', spec, replicas: 2, system: false });
  /** As a new leader; the runner then says that all are well. */
  async function planAndReport(): Promise<void> {
    const { applier, proposer } = replica;
    const planning = createPlanning({ db, applier, propose: proposer.propose, nodeId: 1, clock: () => at });
    await planning.step();
    db()
      .update(serviceReplicas)
      .set({ state: 'healthy', stateAt: at })
      .where(eq(serviceReplicas.state, 'starting'))
      .run();
    at += 5_000;
  }
  for (let round = 0; round < 4; round += 1) await planAndReport();
  const generations = () => replicasOf(db(), 'web').map(({ generation }) => generation);
  const before = generations();
  expect(before).toHaveLength(2);
  const id = await submit(2, { kind: 'service.restart', services: ['web'] });
  for (let round = 0; round < 4; round += 1) {
    await bothStep(1);
    await planAndReport();
  }
  await bothStep(2);
  expect(findJob(db(), id)).toMatchObject({ state: 'succeeded', attempt: 1, outputTail: 'web has restarted\n' });
  // Generations are given out one by one: another restart would have used up more of them.
  expect(generations()).toEqual(before.map((generation) => generation + before.length));
  expect(eventsOf('service.restarted')).toHaveLength(1);
});
