import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jobSpecSchema } from '@quorate/shared/jobs';
import { eq } from 'drizzle-orm';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type WebSocket, WebSocketServer } from 'ws';
import { events } from '../db/system-table';
import { systemClock } from '../lib/clock';
import { uuidv7 } from '../lib/ids';
import { silentLogger } from '../lib/logger';
import { startReconciler } from '../reconcile/driver';
import { commandRegistry } from '../registry';
import { embeddedRunner } from '../resources/runners/commands';
import { runners } from '../resources/runners/table';
import { createTestPki } from '../testing/etcd';
import { type Replica, startReplica } from '../testing/replica';
import { mountSmallDisk } from '../testing/small-disk';
import { until } from '../testing/until';
import { startRunner } from './agent/runner';
import { createAssigner } from './assigner';
import { watchChanges } from './changes';
import { createEmbeddedRunner } from './embedded';
import { createRunnerHub } from './hub';
import { submitJobs } from './jobs/commands';
import { assignAfter } from './jobs/follow-up';
import { findJob, getJob, runnerLoads } from './jobs/queries';
import { whyWaiting } from './jobs/view';
import { createMeasuredStore } from './measured/store';

// A core node's parts, and a runner whose disk is full: the one inside of the node, and one on a host of its own.

const logger = silentLogger();
const LONG = 20_000;
const WHY = 'no space is left on the disk of the runner';
const disk = mountSmallDisk();
afterAll(() => disk?.remove());

let replica: Replica;
const undo: (() => unknown)[] = [];
beforeEach(async () => {
  replica = await startReplica({ log: 'local', registry: commandRegistry, followUp: assignAfter });
  undo.push(() => replica.stop());
  const assigner = startReconciler(createAssigner({ ...core(), isLeader: () => true }), logger);
  undo.push(() => assigner.stop());
});
afterEach(async () => {
  for (const one of undo.splice(0).reverse()) await one();
  disk?.free();
});

const core = () => ({
  ...{ nodeId: 1, db: () => replica.store.db, applier: replica.applier, propose: replica.proposer.propose },
  ...{ clock: systemClock, logger, measured: createMeasuredStore(), provenAt: () => performance.now() },
});

/** @returns its id */
async function startEmbedded(dataDir: string): Promise<string> {
  const embedded = createEmbeddedRunner({
    ...{ ...core(), dataDir, node: { id: 1, name: 'n1' }, version: '1', host: '127.0.0.1', user: undefined },
    workers: { enabled: true, concurrency: 2, stop_services: true },
    ...{ quorumHeld: () => true, removed: () => false },
  });
  const running = startReconciler(embedded, logger);
  undo.push(() => running.stop());
  undo.push(() => embedded.stop());
  undo.push(watchChanges(core(), ({ runners: changed }) => embedded.changed(changed)));
  await until(() => embeddedRunner(replica.store.db, 1) !== undefined, 'it is registered', LONG);
  return embeddedRunner(replica.store.db, 1)?.id ?? '';
}

/** @returns its id */
async function startOwnHost(dataDir: string): Promise<string> {
  const id = uuidv7();
  replica.store.db
    .insert(runners)
    .values({
      ...{ id, name: 'r1', nodeId: null, keyPin: null, labels: {}, capacity: 2, version: '1', address: '' },
      ...{ state: 'active', drainedAt: null, status: 'online', statusSince: 1, certificateExpiresAt: null },
      ...{ joinedAt: 1, removedAt: null },
    })
    .run();
  const directory = mkdtempSync(join(tmpdir(), 'quorate-pki-'));
  undo.push(() => rmSync(directory, { recursive: true, force: true }));
  const { tls } = await createTestPki(directory);
  const hub = createRunnerHub({
    ...{ ...core(), cores: () => [], trust: () => undefined, renewCertificate: async () => '' },
  });
  undo.push(() => hub.close());
  undo.push(watchChanges(core(), ({ runners: changed }) => hub.changed(changed)));
  const server = createServer({ cert: tls.cert, key: tls.key });
  new WebSocketServer({ server }).on('connection', (socket: WebSocket) =>
    hub.connect(id, socket, Number.MAX_SAFE_INTEGER),
  );
  await once(server.listen(0, '127.0.0.1'), 'listening');
  undo.push(() => server.close());
  const runner = startRunner({
    ...{ id, dir: join(dataDir, 'runner'), user: undefined, clock: systemClock, logger },
    self: { labels: {}, capacity: 2, version: '1' },
    cores: [`127.0.0.1:${(server.address() as AddressInfo).port}`],
    tls: () => ({ ca: tls.ca, rejectUnauthorized: false }),
    ...{ onCores: () => undefined, onTrust: () => undefined, onRemoved: () => undefined },
  });
  undo.push(() => runner.stop());
  await until(() => runner.connected === 1, 'it is connected', LONG);
  return id;
}

async function submit(): Promise<string> {
  const id = uuidv7();
  const spec = jobSpecSchema.parse({ kind: 'exec', command: 'true' });
  await replica.propose(submitJobs, { jobs: [{ id, spec, priority: 0, maxAttempts: 1, backoffMs: 0 }] });
  return id;
}
const stateOf = (id: string | undefined) => getJob(replica.store.db, id ?? '')?.state;
const said = (type: string): string[] =>
  replica.store.db
    .select()
    .from(events)
    .where(eq(events.type, type as never))
    .all()
    .map(({ message }) => message);

describe.skipIf(!disk).each([
  ['inside of a node', startEmbedded],
  ['on a host of its own', startOwnHost],
])('a runner %s whose disk is full', (_where, start) => {
  it('loses no job, though each has one attempt: it gets none until there is room', async () => {
    const id = await start(disk?.dir ?? '');
    const own = () => runnerLoads(replica.store.db).find((one) => one.id === id);
    const before = await submit();
    await until(() => stateOf(before) === 'succeeded', 'a job ran', LONG);
    disk?.fill();
    // The last page of its notes has room for some.
    const ids: string[] = [];
    const hitsIt = async () => {
      ids.push(await submit());
      await until(() => stateOf(ids.at(-1)) !== 'assigned', 'it was given to it', LONG);
      return own()?.problem === WHY;
    };
    await until(hitsIt, 'it is known that it can begin none', LONG);
    for (let n = 0; n < 10; n += 1) ids.push(await submit());
    const waiting = () => ids.filter((job) => stateOf(job) === 'queued');
    await until(() => ids.every((job) => stateOf(job) === 'queued' || stateOf(job) === 'succeeded'), 'all wait', LONG);
    expect(waiting().length).toBeGreaterThanOrEqual(11);
    for (const job of waiting()) {
      const row = findJob(replica.store.db, job);
      expect(whyWaiting(row, runnerLoads(replica.store.db), Date.now())).toBe(`no runner can begin a job now: ${WHY}`);
      // Given to it before it was known; the attempt does not count.
      expect(row.attempt).toBe(row.forgiven);
    }

    disk?.free();
    await until(() => ids.every((job) => stateOf(job) === 'succeeded'), 'all have run', LONG);
    expect(own()?.problem).toBe('');
    expect(said('job.failed')).toEqual([]);
    expect(said('runner.failing')[0]).toMatch(/ gets no job, since it can begin none: no space is left/);
    expect(said('runner.recovered')).toHaveLength(said('runner.failing').length);
  });
});
