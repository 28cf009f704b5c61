import { jobSpecSchema } from '@quorate/shared/jobs';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { uuidv7 } from '../../lib/ids';
import { commandRegistry } from '../../registry';
import { registerEmbedded } from '../../resources/runners/commands';
import { type Replica, startReplica } from '../../testing/replica';
import { reportJobs, submitJobs } from './commands';
import { assignAfter } from './follow-up';
import { getJob } from './queries';

let replica: Replica;
beforeEach(async () => {
  replica = await startReplica({ log: 'local', registry: commandRegistry, followUp: assignAfter });
});
afterEach(() => replica.stop());

async function submit() {
  const id = uuidv7();
  const spec = jobSpecSchema.parse({ kind: 'exec', command: '/bin/true' });
  const { index } = await replica.propose(submitJobs, {
    jobs: [{ id, spec, priority: 0, maxAttempts: 1, backoffMs: 0 }],
  });
  return { id, index };
}
const stateOf = (id: string) => getJob(replica.store.db, id)?.state;

it('gives a job to a runner in the entry that brings it, or that makes room for it', async () => {
  const { result: runner } = await replica.propose(registerEmbedded, {
    ...{ id: uuidv7(), name: 'n1', labels: {}, capacity: 1, version: '1', address: '' },
  });
  const [first, second] = [await submit(), await submit()];
  expect(second.index).toBe(first.index + 1);
  expect([stateOf(first.id), stateOf(second.id)]).toEqual(['assigned', 'queued']);
  const end = { outcome: 'succeeded' as const, exitCode: 0, signal: null, error: '', outputTail: '', outputBytes: 0 };
  const report = { id: first.id, attempt: 1, step: 'finished' as const, began: true, end };
  const { index } = await replica.propose(reportJobs, { runnerId: runner.id, reports: [report] });
  expect([stateOf(first.id), stateOf(second.id)]).toEqual(['succeeded', 'assigned']);
  expect(replica.applier.position.index).toBe(index);
});
