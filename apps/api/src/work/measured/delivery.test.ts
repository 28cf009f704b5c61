import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { MetricsBatch } from '@quorate/shared/runner-protocol';
import { Registry } from 'prom-client';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { silentLogger } from '../../lib/logger';
import { type Carrier, createOutbox, type Outbox } from '../agent/outbox';
import { EXPORT_LEASE_MS, EXPORT_MARGIN_MS } from '../lease';
import { registerMeasured } from './prometheus';
import { createMeasuredStore, type MeasuredStore } from './store';

const measured = (cpu = 1): Omit<MetricsBatch, 'seq'> => ({
  ...{ at: 0, jobs: [], replicas: [] },
  host: { cpu_percent: cpu, memory_percent: 1, memory_bytes: 1, load: 1 },
});
const RUNNER = 'r1';
const HANDOVER_MS = EXPORT_LEASE_MS + EXPORT_MARGIN_MS;

/** A core with its store, and the connection of the runner to it. Time is vitest's. */
class Core {
  store: MeasuredStore = createMeasuredStore(() => performance.now());
  frames: { seq: number; doNotPropagate: boolean }[] = [];
  connected = true;
  /** Frames arrive, acknowledgements do not. */
  mute = false;
  /** Frames are under way until they are let through. */
  held: (() => void)[] | undefined;
  private stamped = { value: performance.now(), receivedAt: performance.now() };

  constructor(readonly id: number) {}

  /** A heartbeat's acknowledgement. */
  beat(): void {
    if (this.connected && !this.held) this.stamped = { value: performance.now(), receivedAt: performance.now() };
  }
  /** The process ends without a word. */
  crash(): void {
    this.connected = false;
    this.store = createMeasuredStore(() => performance.now());
  }
  get exported(): number[] {
    return this.store.exported().map(({ batch }) => batch.seq);
  }
  carrier(): Carrier {
    return {
      core: this.id,
      stamp: this.stamped,
      send: (batch, doNotPropagate, stamp) => this.#send(batch, doNotPropagate, stamp),
    };
  }
  async #send(batch: MetricsBatch, doNotPropagate: boolean, stamp: number): Promise<void> {
    if (!this.connected) throw new Error('not connected');
    if (this.held) await new Promise<void>((resolve) => this.held?.push(resolve));
    this.frames.push({ seq: batch.seq, doNotPropagate });
    const taken = this.store.take(RUNNER, batch, { isElsewhere: doNotPropagate, stamp });
    if (!taken) throw new Error('nack');
    if (this.mute || !this.connected) throw new Error('no acknowledgement');
  }
}

describe('what a runner measures', () => {
  let dir: string;
  let cores: Core[];
  let outbox: Outbox;
  /** Seqs that were exposed by two cores at one time. */
  let doubled: number[];

  const open = (): Outbox =>
    createOutbox({
      file: join(dir, 'measured.json'),
      carriers: () => cores.filter((core) => core.connected).map((core) => core.carrier()),
      logger: silentLogger(),
      clock: () => performance.now(),
    });
  /** Another process of the runner, which connects anew. */
  function reopen(): Outbox {
    const next = open();
    for (const core of cores) if (core.connected) next.connected(core.carrier());
    return next;
  }
  const check = (): void => {
    const exporters = cores.filter(({ exported }) => exported.length > 0);
    if (exporters.length > 1) doubled.push(...exporters.map(({ id }) => id));
  };
  async function pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 100) {
      await vi.advanceTimersByTimeAsync(Math.min(100, left));
      if (left % 1_000 === 0) for (const core of cores) core.beat();
      check();
    }
  }

  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] });
    dir = mkdtempSync(join(tmpdir(), 'quorate-outbox-'));
    cores = [new Core(1), new Core(2), new Core(3)];
    doubled = [];
    outbox = open();
  });
  afterEach(() => {
    outbox.stop();
    vi.useRealTimers();
    rmSync(dir, { recursive: true, force: true });
    expect(doubled).toEqual([]);
  });

  it('goes to one core until it is acknowledged, and marked to the others from then on', async () => {
    outbox.add(measured());
    await pass(1_000);
    outbox.add(measured(7));
    await pass(1_000);
    const marked = cores.map(({ frames }) => frames.map(({ doNotPropagate }) => doNotPropagate));
    expect(marked).toEqual([
      [false, false],
      [true, true],
      [true, true],
    ]);
    expect(cores.map(({ exported }) => exported.length)).toEqual([1, 0, 0]);
    expect(cores.map(({ store }) => store.latest(RUNNER)?.host.cpu_percent)).toEqual([7, 7, 7]);
  });

  it('is exposed by nobody while the core may still expose it, and then by the next: nothing is lost', async () => {
    outbox.add(measured());
    await pass(1_000);
    const [first] = cores as [Core];
    const [seq = 0] = first.exported;
    first.connected = false;
    outbox.add(measured());
    await pass(HANDOVER_MS - 2_000);
    outbox.add(measured());
    expect(cores.slice(1).flatMap(({ frames }) => frames.filter((frame) => !frame.doNotPropagate))).toEqual([]);
    await pass(3_000);
    expect(first.exported).toEqual([]);
    const taken = cores.slice(1).flatMap(({ frames }) => frames.filter((frame) => !frame.doNotPropagate));
    expect(taken.map((frame) => frame.seq)).toEqual([seq + 1, seq + 2]);
    expect(outbox.waiting).toBe(0);
  });

  it('survives an acknowledgement that got lost: the same core gets it again and counts it once', async () => {
    const [first] = cores as [Core];
    first.mute = true;
    outbox.add(measured());
    await pass(2_000);
    expect(first.exported).toHaveLength(1);
    expect(outbox.waiting).toBe(1);
    first.mute = false;
    await pass(1_000);
    expect(outbox.waiting).toBe(0);
    expect(cores.map(({ store }) => store.exportedBatches)).toEqual([1, 0, 0]);
  });

  it('is not lost when the core crashes between taking and acknowledging it', async () => {
    const [first] = cores as [Core];
    first.mute = true;
    outbox.add(measured());
    await pass(500);
    first.crash();
    await pass(HANDOVER_MS + 1_000);
    expect(outbox.waiting).toBe(0);
    expect(cores.map(({ store }) => store.exportedBatches)).toEqual([0, 1, 0]);
  });

  it('is not lost when the runner crashes before the acknowledgement, nor given to another core meanwhile', async () => {
    const [first, second] = cores as [Core, Core];
    first.mute = true;
    outbox.add(measured());
    await pass(500);
    outbox.stop();
    // The network is down between the runner and the first core, which still exposes it.
    first.connected = false;
    outbox = reopen();
    await pass(EXPORT_LEASE_MS - 1_000);
    expect(second.frames).toEqual([]);
    await pass(2_500);
    expect(second.frames).toEqual([{ seq: expect.any(Number), doNotPropagate: false }]);
    expect(outbox.waiting).toBe(0);
  });

  it('goes on elsewhere at once when a core says that it stops', async () => {
    outbox.add(measured());
    await pass(500);
    const [first] = cores as [Core];
    first.crash();
    outbox.left(1);
    outbox.add(measured());
    await pass(500);
    expect(cores.map(({ exported }) => exported.length)).toEqual([0, 1, 0]);
  });

  it('is refused by a core that it reaches after its lease: another one has it', async () => {
    const [first, second] = cores as [Core, Core];
    first.held = [];
    outbox.add(measured());
    await pass(300);
    // The connection breaks; what was sent is still in the network.
    first.connected = false;
    const late = first.held;
    outbox.stop();
    outbox = reopen();
    await pass(HANDOVER_MS + 1_000);
    expect(second.exported).toHaveLength(1);
    for (const arrive of late) arrive();
    await pass(100);
    expect(first.exported).toEqual([]);
    expect(cores.map(({ store }) => store.exportedBatches)).toEqual([0, 1, 0]);
  });

  it('ends to be exposed when the runner falls silent, and when its connection ends', async () => {
    outbox.add(measured());
    await pass(1_000);
    const [first] = cores as [Core];
    expect(first.exported).toHaveLength(1);
    first.store.disconnected(RUNNER);
    expect(first.exported).toEqual([]);
    outbox.add(measured());
    await pass(100);
    expect(first.exported).toHaveLength(1);
    await pass(EXPORT_LEASE_MS);
    expect(first.exported).toEqual([]);
  });
});

it('shows each replica under its runner, service and slot', async () => {
  const store = createMeasuredStore();
  const usage = { cpu_percent: 12.5, cpu_seconds: 3, rss_bytes: 4096, processes: 2 };
  const batch = { seq: 1, ...measured(), replicas: [{ service: 'web', slot: 0, generation: 4, ...usage }] };
  store.take(RUNNER, batch, { isElsewhere: false, stamp: performance.now() });
  const registry = new Registry();
  const source = { exported: store.exported, exportedBatches: () => store.exportedBatches, connected: () => 1 };
  registerMeasured(registry, { ...source, nameOf: () => 'worker-1' });
  const text = await registry.metrics();
  expect(text).toContain('quorate_replica_cpu_percent{runner="worker-1",service="web",slot="0"} 12.5');
  expect(text).toContain('quorate_runner_batches_exported_total 1');
  store.disconnected(RUNNER);
  expect(await registry.metrics()).not.toContain('worker-1');
});
