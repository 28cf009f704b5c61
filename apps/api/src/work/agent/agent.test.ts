import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { JobReport } from '@quorate/shared/runner-protocol';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { uuidv7 } from '../../lib/ids';
import { silentLogger } from '../../lib/logger';
import { until } from '../../testing/until';
import { type Agent, createAgent } from './agent';
import { createSpawner } from './spawner';

const logger = silentLogger();
const spawner = createSpawner({ leaseEndsAt: () => performance.now() + 3_600_000, user: undefined, logger });
afterAll(() => spawner.stop());

let dir: string;
const agents: Agent[] = [];
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'quorate-agent-'));
});
afterEach(async () => {
  for (const agent of agents.splice(0)) await agent.stop();
  rmSync(dir, { recursive: true, force: true });
});

/** One process of the runner. `tells`: where its reports go. */
function startAgent(tells: (reports: JobReport[]) => Promise<void>) {
  const agent = createAgent({ dir, spawner, user: undefined, logger, leaseHeld: () => true, report: tells });
  agents.push(agent);
  return agent;
}
const ran = () => join(dir, 'ran');
function job(command = 'sh') {
  const args = ['-c', `echo x >> ${ran()}`];
  const spec = { kind: 'exec' as const, command, args, env: {}, stdin: '', timeout_seconds: 120, labels: {} };
  return { id: uuidv7(), attempt: 1, spec, cancel: false };
}
type Ended = Extract<JobReport, { step: 'finished' }>;
/** Assigns to a new process of the runner, and gives what it says of the ends. */
async function run(jobs: ReturnType<typeof job>[], index: number): Promise<Ended[]> {
  const ends: Ended[] = [];
  const agent = startAgent(async (reports) => {
    ends.push(...reports.filter((one): one is Ended => one.step === 'finished'));
  });
  agent.assign({ index, jobs, replicas: [] });
  await until(() => ends.length >= jobs.length, 'all have ended', 30_000);
  return ends;
}
const nobody = async (): Promise<void> => {
  throw new Error('no quorum');
};

describe('an attempt', () => {
  it('that was over before nobody took its report is told again, and not begun again', async () => {
    const [it, missing] = [job(), job('/nonexistent')];
    const said: JobReport[] = [];
    const agent = startAgent(async (reports) => {
      said.push(...reports);
      await nobody();
    });
    agent.assign({ index: 1, jobs: [it, missing], replicas: [] });
    const ends = () => new Set(said.filter(({ step }) => step === 'finished').map(({ id }) => id));
    await until(() => ends().size === 2, 'both have ended', 30_000);
    const again = await run([it, missing], 1);
    expect(again).toMatchObject([
      { id: it.id, began: true, end: { outcome: 'succeeded' } },
      { id: missing.id, began: false, end: { outcome: 'failed' } },
    ]);
    expect(readFileSync(ran(), 'utf8')).toBe('x\n');
  });

  it('of before a start of the host is lost, however often the runner is started before it hears of it', async () => {
    writeFileSync(join(dir, 'boot-id'), 'another');
    const first = startAgent(nobody);
    expect(first.unsure).toBe(true);
    await first.stop();
    const before = job();
    const lost = {
      id: before.id,
      began: false,
      end: { outcome: 'lost', error: 'the host of the runner was restarted' },
    };
    expect(await run([before], 1)).toMatchObject([lost]);
    // The log may not have had that report: the runner was killed.
    expect(await run([before, job()], 2)).toMatchObject([lost, { began: true, end: { outcome: 'succeeded' } }]);
    expect(readFileSync(ran(), 'utf8')).toBe('x\n');
  });

  it('is lost where the notes of the runner are damaged, and those that come later are not', async () => {
    await run([job()], 1);
    appendFileSync(join(dir, 'jobs', 'attempts.log'), 'unreadable\n');
    const before = job();
    const error = 'the runner cannot read its notes of what it had begun';
    expect(await run([before], 2)).toMatchObject([{ id: before.id, end: { outcome: 'lost', error } }]);
    expect(await run([job()], 3)).toMatchObject([{ end: { outcome: 'succeeded' } }]);
  });

  it('is begun although the last note was cut off: what it was about was never begun', async () => {
    await run([job()], 1);
    appendFileSync(join(dir, 'jobs', 'attempts.log'), '0192');
    expect(await run([job()], 2)).toMatchObject([{ end: { outcome: 'succeeded' } }]);
    expect(existsSync(ran())).toBe(true);
  });
});
