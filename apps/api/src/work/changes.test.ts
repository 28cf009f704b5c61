import { jobSpecSchema } from '@quorate/shared/jobs';
import { serviceSpecSchema } from '@quorate/shared/services';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { uuidv7 } from '../lib/ids';
import { commandRegistry } from '../registry';
import { observeRunner, registerEmbedded } from '../resources/runners/commands';
import { type Replica, startReplica } from '../testing/replica';
import { takeChanges } from './changes';
import { assignWaiting, cancelJob, loseJob, submitJobs } from './jobs/commands';
import { createService } from './services/commands';

let replica: Replica;
beforeEach(async () => {
  replica = await startReplica({ log: 'local', registry: commandRegistry });
});
afterEach(() => replica.stop());

const changed = (): unknown[] => {
  const { runners, placing } = takeChanges(replica.store.db);
  return [...(runners === 'all' ? ['all'] : runners), ...(placing ? ['placing'] : [])];
};

it('names the runners that a change concerns, the runner that loses something, and whether there is something to place', async () => {
  const { result } = await replica.propose(registerEmbedded, {
    ...{ id: uuidv7(), name: 'n1', labels: {}, capacity: 1, version: '1', address: '' },
  });
  const runner = result.id;
  expect(changed()).toEqual(['all', 'placing']);
  expect(changed()).toEqual([]);
  const id = uuidv7();
  const exec = jobSpecSchema.parse({ kind: 'exec', command: '/bin/true' });
  await replica.propose(submitJobs, { jobs: [{ id, spec: exec, priority: 0, maxAttempts: 1, backoffMs: 0 }] });
  expect(changed()).toEqual([]);
  await replica.propose(assignWaiting, { limit: 9 });
  expect(changed()).toEqual([runner]);
  await replica.propose(cancelJob, { id });
  expect(changed()).toEqual([runner]);
  await replica.propose(observeRunner, { id: runner, online: false });
  expect(changed()).toEqual([runner, 'placing']);
  await replica.propose(createService, {
    name: 'web',
    spec: serviceSpecSchema.parse({ command: 'true' }),
    replicas: 1,
    system: false,
  });
  expect(changed()).toEqual(['placing']);
  await replica.propose(observeRunner, { id: runner, online: true });
  await replica.propose(loseJob, { id, attempt: 1, runnerId: runner, reason: 'gone' });
  expect(changed()).toEqual([runner, 'placing']);
  expect(changed()).toEqual([]);
});

it('leaves nothing of it in the file', () => {
  takeChanges(replica.store.db);
  const triggers = replica.store.db.$client.prepare("SELECT count(*) FROM sqlite_master WHERE type = 'trigger'");
  expect(triggers.pluck().get()).toBe(0);
});
