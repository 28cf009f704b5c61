import { join } from 'node:path';
import type { JobReport, ReplicaReport } from '@quorate/shared/runner-protocol';
import { serviceSpecSchema } from '@quorate/shared/services';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { uuidv7 } from '../../lib/ids';
import { silentLogger } from '../../lib/logger';
import { mountSmallDisk } from '../../testing/small-disk';
import { until } from '../../testing/until';
import { type Agent, createAgent } from './agent';
import { createReplicas, type Replicas } from './replicas/replicas';
import { createSpawner } from './spawner';

const logger = silentLogger();
const LONG = 20_000;
const disk = mountSmallDisk();

describe.skipIf(!disk)('a runner whose disk is full', () => {
  const { dir, fill, free } = disk ?? { dir: '', fill: () => undefined, free: () => undefined };
  const spawner = createSpawner({ leaseEndsAt: () => performance.now() + 3_600_000, user: undefined, logger });
  const reports: JobReport[] = [];
  const words: ReplicaReport[] = [];
  let agent: Agent;
  let replicas: Replicas;
  const thrown: unknown[] = [];
  const onThrown = (error: unknown): void => void thrown.push(error);
  beforeAll(() => {
    process.on('uncaughtExceptionMonitor', onThrown);
    agent = createAgent({
      ...{ dir: join(dir, 'work'), spawner, user: undefined, logger, leaseHeld: () => true },
      report: async (batch) => void reports.push(...batch),
    });
    replicas = createReplicas({
      ...{ dir: join(dir, 'replicas'), bootId: 'here', spawner, user: undefined, logger },
      backoff: { firstMs: 200, capMs: 200, stableMs: 60_000 },
      report: async (batch) => void words.push(...batch),
    });
  });
  afterAll(async () => {
    process.off('uncaughtExceptionMonitor', onThrown);
    await Promise.all([agent.stop(), replicas.stopAll()]);
    spawner.stop();
    disk?.remove();
  });

  let index = 0;
  /** Assigns one job alone, and gives how it ended. */
  async function run(script: string, begun: () => void = () => undefined) {
    const id = uuidv7();
    const spec = {
      kind: 'exec' as const,
      command: 'sh',
      args: ['-c', script],
      env: { DIR: dir },
      stdin: '',
      labels: {},
    };
    index += 1;
    agent.assign({
      index,
      jobs: [{ id, attempt: 1, spec: { ...spec, timeout_seconds: 60 }, cancel: false }],
      replicas: [],
    });
    const of = (step: JobReport['step']) => reports.find((one) => one.id === id && one.step === step);
    await until(() => of('started') !== undefined || of('finished') !== undefined, 'the job has begun', LONG);
    begun();
    await until(() => of('finished') !== undefined, 'the job is over', LONG);
    const report = of('finished');
    return report?.step === 'finished' ? { ...report.end, handedBack: report.handedBack } : undefined;
  }
  const told = (change: object = {}) => {
    const spec = serviceSpecSchema.parse({ command: 'sleep', args: ['1000'], stop_grace_seconds: 0 });
    const one = { service: 'web', slot: 0, generation: 1, revision: 1, stop: false, spec, ...change };
    index += 1;
    replicas.assign({ owner: 'runner', index, replicas: [one] });
  };

  it('hands back a job that it could not begin with the reason, and begins others when there is room', async () => {
    fill();
    const why = 'no space is left on the disk of the runner';
    const handedBack = { outcome: 'lost', exitCode: null, outputTail: '', handedBack: why };
    expect(await run('echo it ran')).toMatchObject({ ...handedBack, error: `its runner could not begin it: ${why}` });
    expect([agent.problem, await run('echo it ran')]).toMatchObject([why, handedBack]);
    free();
    await until(() => agent.problem === '', 'it sees that there is room', LONG);
    expect(await run('echo it ran')).toMatchObject({ outcome: 'succeeded', error: '', outputTail: 'it ran\n' });
  });

  it('lets a job run on whose output finds no room, and says so', async () => {
    const script = 'echo begun; while [ ! -e "$DIR/filler" ]; do sleep 0.05; done; seq 100000; exit 3';
    const end = await run(script, fill);
    expect(end).toMatchObject({
      ...{ outcome: 'failed', exitCode: 3 },
      error: 'its output is cut off, no space is left on the disk of the runner',
    });
    expect(end?.outputTail).toMatch(/^begun\n/);
    expect(end?.outputBytes).toBe(Buffer.byteLength(end?.outputTail ?? ''));
    free();
  });

  it('says of a replica why it cannot begin, starts it when there is room, and ends it without', async () => {
    fill();
    told();
    await until(() => words.some(({ state }) => state === 'backing_off'), 'it is said', LONG);
    expect(words.find(({ state }) => state === 'backing_off')?.reason).toMatch(
      /^no space is left on the disk of the runner/,
    );
    free();
    await until(() => words.at(-1)?.state === 'healthy', 'it runs', LONG);
    fill();
    told({ stop: true });
    await until(() => words.at(-1)?.state === 'stopped', 'it has ended', LONG);
    free();
    expect(thrown).toEqual([]);
  });
});
