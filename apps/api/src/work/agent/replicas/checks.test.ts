import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ReplicaReport } from '@quorate/shared/runner-protocol';
import { serviceSpecSchema } from '@quorate/shared/services';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { silentLogger } from '../../../lib/logger';
import { until } from '../../../testing/until';
import { createSpawner, type Spawner } from '../spawner';
import { createReplicas, type Replicas } from './replicas';

// Checks that are programs, of a replica that sleeps.

const logger = silentLogger();
const LONG = 20_000;
let dir: string;
let spawner: Spawner;
let replicas: Replicas;
let reports: ReplicaReport[];
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'checks-'));
  reports = [];
  // There is no lease: checks need none.
  spawner = createSpawner({ leaseEndsAt: () => 0, user: undefined, logger });
  replicas = createReplicas({
    ...{ dir, bootId: 'this-boot', spawner, user: undefined, logger },
    report: async (batch) => void reports.push(...batch),
  });
});
afterEach(async () => {
  await replicas.stopAll();
  spawner.stop();
  rmSync(dir, { recursive: true, force: true });
});

const checkedBy = (script: string, more: object) => {
  const health = { type: 'exec', command: 'sh', args: ['-c', script], interval_seconds: 1, ...more };
  const spec = serviceSpecSchema.parse({ command: 'sleep', args: ['1000'], stop_grace_seconds: 0, health });
  const assigned = { service: 'web', slot: 0, generation: 1, revision: 1, stop: false, spec };
  replicas.assign({ owner: 'runner', index: 1, replicas: [assigned] });
};
const reported = (state: string): Promise<void> =>
  until(() => reports.at(-1)?.state === state, `the replica is ${state}`, LONG);

/** Processes that work below the directory of this test. */
const processes = (): string[] =>
  readdirSync('/proc').filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/environ`, 'utf8').includes(`TEST_DIR=${dir}\0`);
    } catch {
      return false;
    }
  });

it('are started by a small process, whose end harms nothing: the next one starts them', async () => {
  checkedBy('echo $PPID >> parents', { unhealthy_after: 1 });
  await reported('healthy');
  const parents = (): string[] => [
    ...new Set(
      readFileSync(join(dir, 'web.0.1', 'work', 'parents'), 'utf8')
        .trim()
        .split('\n'),
    ),
  ];
  const [first] = parents();
  expect(first).not.toBe(String(process.pid));
  process.kill(Number(first), 'SIGKILL');
  await until(() => parents().length === 2, 'checks go on', LONG);
  expect(reports.at(-1)).toMatchObject({ state: 'healthy', restarts: 0 });
  expect(replicas.running()).toHaveLength(1);
});

it('that take too long are killed with their children, and the replica is not healthy', async () => {
  checkedBy(`export TEST_DIR=${dir}; trap '' TERM; sleep 1000 & wait`, { timeout_seconds: 1, start_seconds: 3 });
  await until(() => processes().length > 0, 'a check runs', LONG);
  await reported('backing_off');
  expect(reports.at(-1)?.reason).toMatch(/^not healthy within 3 s: no answer within [\d.]+ s/);
  await until(() => processes().length === 0, 'nothing is left of it', LONG);
});
