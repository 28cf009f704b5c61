import {
  type AssignedReplica,
  MAX_OUTPUT_CHUNK_BYTES,
  type OutputChunk,
  type ReplicaOutputRange,
  type ReplicaReport,
} from '@quorate/shared/runner-protocol';
import { deferred, delay } from '../../../lib/async';
import type { Logger } from '../../../lib/logger';
import type { ProgramUser } from '../../../lib/program-user';
import type { Spawner } from '../spawner';
import { createWorkDirectories } from '../work-directory';
import { BACKOFF, type BackoffOptions } from './backoff';
import { createGate } from './gate';
import { createPorts } from './ports';
import { openRecords } from './record';
import { freshRecord, keepReplica, type Replica } from './replica';
import { createReporter } from './reporter';

export interface ReplicasOptions {
  /** Where their records, output and working directories are kept. */
  readonly dir: string;
  /** Of this start of the system. */
  readonly bootId: string;
  /** Resolves when a core node has the reports. @throws while none can take them: they are sent again */
  readonly report: (reports: ReplicaReport[], signal: AbortSignal) => Promise<void>;
  /** Starts their checks; it is not ended with the replicas. */
  readonly spawner: Spawner;
  /** Who the programs run as; undefined = as this process. */
  readonly user: ProgramUser | undefined;
  readonly backoff?: BackoffOptions;
  readonly logger: Logger;
}

export interface ToldReplicas {
  /** The runner that is meant: what another one had is ended. */
  readonly owner: string;
  /** The log index of the state that says so. */
  readonly index: number;
  readonly replicas: readonly AssignedReplica[];
}

/** The replicas of one runner. They go on when this process ends, and are taken over by the next one. */
export interface Replicas {
  /** Converges on it; what is older than the last one is ignored, also over restarts. */
  assign(told: ToldReplicas): void;
  /** What runs here, with the leader of its processes. */
  running(): { service: string; slot: number; generation: number; pid: number }[];
  /** The one of a slot that is here now. */
  find(service: string, slot: number): Replica | undefined;
  /** What it wrote; undefined when that generation is not here. */
  output(range: ReplicaOutputRange): Promise<OutputChunk | undefined>;
  /** Stops watching them and leaves them running. */
  leave(): Promise<void>;
  /** Ends them all. */
  stopAll(): Promise<void>;
}

/** Of a replica that has ended there is no newer word. */
const LAST_WORD = Number.MAX_SAFE_INTEGER;
const MAX_CHECKS = 32;
const TICK_MS = 250;
/** How soon a reader hears of what was written. */
const OUTPUT_POLL_MS = 100;
const FLOOD_TICK_MS = 25;
/** Everything is told again this often, in case that the cluster has gone back to an older state. */
const RETELL_MS = 60_000;

interface Slot {
  replica: Replica | undefined;
  wanted: AssignedReplica | undefined;
  converging: Promise<void> | undefined;
}

export function createReplicas(options: ReplicasOptions): Replicas {
  const { logger } = options;
  const records = openRecords(options.dir, createWorkDirectories(options), logger);
  const reporter = createReporter({ send: options.report, logger });
  const slots = new Map<string, Slot>();
  const told = deferred<void>();
  const deps = {
    ...{ records, ports: createPorts(), gate: createGate(MAX_CHECKS), bootId: options.bootId, logger },
    ...{ backoff: options.backoff ?? BACKOFF, mayStart: told.promise },
    ...{ spawner: options.spawner, user: options.user },
    onReport(report: ReplicaReport) {
      // Nobody waits for word of one that is not wanted any more.
      if (slots.get(keyOf(report))?.wanted?.generation === report.generation) reporter.add(report);
    },
  };
  let over = false;
  let latest = records.told?.index ?? -1;
  let lastShape: string | undefined;

  function adoptAll(): void {
    const known = records.loadAll().sort((a, b) => a.assigned.generation - b.assigned.generation);
    for (const record of known) {
      const { assigned } = record;
      // The later generation of a slot began after the earlier had ended.
      const before = slots.get(keyOf(assigned))?.replica;
      const slot: Slot = { replica: undefined, wanted: assigned, converging: undefined };
      slots.set(keyOf(assigned), slot);
      slot.replica = keepReplica(deps, record);
      reporter.add(slot.replica.report);
      if (before) void before.stop();
      if (slot.replica.pid !== undefined)
        logger.info({ ...about(assigned), pid: slot.replica.pid }, 'took over a replica');
    }
  }

  /** Until the slot has what is wanted of it, one thing after the other: what runs is gone before the next one starts. */
  async function converge(key: string, slot: Slot): Promise<void> {
    while (!over) {
      const { replica, wanted } = slot;
      if (replica && (wanted === undefined || wanted.stop || wanted.generation !== replica.assigned.generation)) {
        logger.info(about(replica.assigned), 'stopping a replica');
        if (wanted && !wanted.stop)
          reporter.add({ ...freshRecord(wanted).report, reason: 'the one before it has yet to end' });
        await replica.stop();
        slot.replica = undefined;
      } else if (!wanted) {
        slots.delete(key);
        return;
      } else if (wanted.stop) {
        reporter.add({ ...freshRecord(wanted).report, n: LAST_WORD, state: 'stopped' });
        return;
      } else {
        slot.replica ??= begin(wanted);
        return;
      }
    }
  }
  function begin(wanted: AssignedReplica): Replica {
    logger.info(about(wanted), 'starting a replica');
    const record = freshRecord(wanted);
    try {
      records.save(record);
    } catch (error) {
      // It is tried again before its program is started, and said then.
      logger.warn({ err: error, ...about(wanted) }, 'what is known of a replica cannot be kept');
    }
    return keepReplica(deps, record);
  }
  function set(key: string, wanted: AssignedReplica | undefined): void {
    const slot = slots.get(key) ?? { replica: undefined, wanted: undefined, converging: undefined };
    slots.set(key, slot);
    slot.wanted = wanted;
    slot.converging ??= converge(key, slot)
      .catch((error: unknown) =>
        logger.error({ err: error, slot: key }, 'a replica could not be brought to what is wanted'),
      )
      .finally(() => {
        slot.converging = undefined;
      });
  }

  /** On a full disk a core that is behind may be believed after a restart; what runs must be ended all the same. */
  function remember(now: { owner: string; index: number }): void {
    try {
      records.remember(now);
    } catch (error) {
      logger.error({ err: error }, 'what a core node told cannot be kept on the disk');
    }
  }

  let ticking: NodeJS.Timeout | undefined;
  function tick(): void {
    let isFlooded = false;
    for (const { replica } of slots.values()) {
      try {
        isFlooded = replica?.tick() === true || isFlooded;
      } catch (error) {
        logger.error({ err: error }, 'the output of a replica could not be bounded');
      }
    }
    ticking = setTimeout(tick, isFlooded ? FLOOD_TICK_MS : TICK_MS).unref();
  }
  const retelling = setInterval(() => {
    for (const { replica, wanted } of slots.values()) if (replica && !wanted?.stop) deps.onReport(replica.report);
  }, RETELL_MS).unref();
  adoptAll();
  tick();

  async function close(): Promise<void> {
    over = true;
    clearTimeout(ticking);
    clearInterval(retelling);
    await reporter.stop();
  }

  return {
    assign({ owner, index, replicas }) {
      const isOwn = records.told === undefined || records.told.owner === owner;
      if (over || (isOwn && index < latest)) return;
      latest = index;
      const shape = replicas.map((one) => `${keyOf(one)}.${one.generation}.${one.stop}`).join();
      if (!isOwn || shape !== lastShape) remember({ owner, index });
      lastShape = shape;
      const wanted = new Map(replicas.map((one) => [keyOf(one), one]));
      // What another runner had here ends first, though its slots may be numbered alike.
      for (const key of [...slots.keys()]) if (!isOwn || !wanted.has(key)) set(key, undefined);
      for (const [key, one] of wanted) set(key, one);
      told.resolve();
    },
    running: () =>
      [...slots.values()].flatMap(({ replica }) =>
        replica?.pid === undefined ? [] : [{ ...about(replica.assigned), pid: replica.pid }],
      ),
    async output({ offset, wait_ms: waitMs, ...of }) {
      const replica = slots.get(keyOf(of))?.replica;
      if (replica?.assigned.generation !== of.generation) return undefined;
      const { output } = replica;
      const until = performance.now() + waitMs;
      const isHere = (): boolean => !over && slots.get(keyOf(of))?.replica === replica;
      while (isHere() && output.total <= offset && performance.now() < until) await delay(OUTPUT_POLL_MS);
      if (!isHere()) return undefined;
      const { offset: from, data } = output.read(offset, MAX_OUTPUT_CHUNK_BYTES);
      return { offset: from, data: data.toString('base64'), total: output.total, ended: false };
    },
    find: (service, slot) => slots.get(keyOf({ service, slot }))?.replica,
    async leave() {
      const kept = [...slots.values()].flatMap(({ replica }) => replica ?? []);
      over = true;
      await Promise.all(kept.map((replica) => replica.leave()));
      await Promise.all([...slots.values()].map(({ converging }) => converging));
      await close();
    },
    async stopAll() {
      for (const key of [...slots.keys()]) set(key, undefined);
      await Promise.all([...slots.values()].map(({ converging }) => converging));
      await close();
    },
  };
}

const keyOf = ({ service, slot }: { service: string; slot: number }): string => `${service}.${slot}`;
const about = ({ service, slot, generation }: AssignedReplica) => ({ service, slot, generation });
