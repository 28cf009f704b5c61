import { jobSpecSchema } from '@quorate/shared/jobs';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { uuidv7 } from '../lib/ids';
import { commandRegistry } from '../registry';
import { observeRunner, registerEmbedded } from '../resources/runners/commands';
import { type Replica, startReplica } from '../testing/replica';
import { takeChangedRunners } from './changed-runners';
import { assignWaiting, cancelJob, submitJob } from './jobs/commands';

let replica: Replica;
beforeEach(async () => {
  replica = await startReplica({ log: 'local', registry: commandRegistry });
});
afterEach(() => replica.stop());

const changed = (): string[] | 'all' => {
  const taken = takeChangedRunners(replica.store.db);
  return taken === 'all' ? taken : [...taken];
};

it('names the runners that a change concerns, and nobody for other changes', async () => {
  const { result } = await replica.propose(registerEmbedded, {
    ...{ id: uuidv7(), name: 'n1', labels: {}, capacity: 1, version: '1', address: '' },
  });
  const runner = result.id;
  expect(changed()).toBe('all');
  expect(changed()).toEqual([]);
  const id = uuidv7();
  const exec = jobSpecSchema.parse({ kind: 'exec', command: '/bin/true' });
  await replica.propose(submitJob, { id, spec: exec, priority: 0, maxAttempts: 1, backoffMs: 0 });
  expect(changed()).toEqual([]);
  await replica.propose(assignWaiting, { limit: 9 });
  expect(changed()).toEqual([runner]);
  await replica.propose(cancelJob, { id });
  expect(changed()).toEqual([runner]);
  await replica.propose(observeRunner, { id: runner, online: false });
  expect(changed()).toEqual([runner]);
});

it('leaves nothing of it in the file', () => {
  takeChangedRunners(replica.store.db);
  const triggers = replica.store.db.$client.prepare("SELECT count(*) FROM sqlite_master WHERE type = 'trigger'");
  expect(triggers.pluck().get()).toBe(0);
});
