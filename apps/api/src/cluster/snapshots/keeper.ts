import { mkdirSync, statfsSync, statSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DomainError } from '../../commands/domain-error';
import type { StateStore } from '../../db/state-store';
import type { LocalEvents } from '../../events/local-events';
import type { Clock } from '../../lib/clock';
import { uuidv7 } from '../../lib/ids';
import type { Logger } from '../../lib/logger';
import type { Reconciler } from '../../reconcile/driver';
import type { Applier } from '../../replication/applier';
import { createSnapshot, SnapshotInvalid } from '../../replication/snapshot';
import { snapshotDirOf } from '../snapshot-exchange';
import { type KeptSnapshot, listSnapshots, removeSnapshot, snapshotPath, storeManifest } from './directory';

export interface SnapshotKeeper extends Reconciler {
  /** Verified ones, newest first. */
  list(): readonly KeptSnapshot[];
  /** Index up to which this node has a verified snapshot of the present epoch; 0 = none. */
  coveredIndex(): number;
  /**
   * Makes and verifies one, or gives the newest when nothing was applied since. Callers at the same time share one.
   * @throws DomainError disk_space; SnapshotInvalid the state file is damaged
   */
  make(): Promise<KeptSnapshot>;
  /** Why the last attempt failed; '' when it did not. */
  readonly failure: string;
}

export interface SnapshotKeeperDeps {
  readonly dataDir: string;
  readonly store: StateStore;
  readonly applier: Applier;
  readonly settings: { readonly entries: number; readonly interval: number; readonly keep: number };
  /** Whether the state may be copied now: the log is open and the state is trusted. */
  readonly isSound: () => boolean;
  /** Whether the journal is so full that it should be trimmed soon. */
  readonly isJournalFull: () => boolean;
  /** The copy does not pass SQLite's check: the state file is damaged. */
  readonly onDamaged: (why: string) => void;
  readonly localEvents: LocalEvents;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A node that has just started makes none at once: all would, after a power cut. */
const SETTLE_MS = 60_000;
/** At most this part of the time goes into making snapshots: those of a large state come further apart. */
const MAX_DUTY = 0.1;
const RETRY_MS = 60_000;
const RESERVE_BYTES = 64 * 1024 ** 2;

/** Whether the next snapshot is due. Pure; times in ms. */
export function isSnapshotDue(input: {
  readonly nowMs: number;
  readonly startedAtMs: number;
  readonly position: { readonly epoch: number; readonly index: number };
  readonly newest: { readonly epoch: number; readonly index: number; readonly createdAt: number } | undefined;
  readonly journalFull: boolean;
  readonly settings: SnapshotKeeperDeps['settings'];
}): boolean {
  const { nowMs, position, newest, settings } = input;
  const isNewEpoch = newest !== undefined && newest.epoch !== position.epoch;
  const since = isNewEpoch ? position.index : position.index - (newest?.index ?? 0);
  if (since <= 0) return false;
  if (input.journalFull || since >= settings.entries) return true;
  const settled = nowMs - input.startedAtMs >= Math.min(SETTLE_MS, settings.interval);
  if (newest === undefined || isNewEpoch) return settled;
  // One from the future: the clock was set back since.
  return nowMs < newest.createdAt || nowMs - newest.createdAt >= settings.interval;
}

/** Keeps verified copies of this node's state, by count of entries and by time. */
export function createSnapshotKeeper(deps: SnapshotKeeperDeps): SnapshotKeeper {
  const { store, applier, settings, localEvents, clock, logger } = deps;
  const directory = snapshotDirOf(deps.dataDir);
  const startedAtMs = clock();
  let kept = listSnapshots(directory);
  let making: Promise<KeptSnapshot> | undefined;
  let failure = '';
  /** On the clock of `performance.now()`: one that is set back by a day must not stop snapshots, and so trimming, for a day. */
  let restUntilMs = 0;

  function requireSpace(): void {
    const needed = statSync(store.path).size + (statSync(`${store.path}-wal`, { throwIfNoEntry: false })?.size ?? 0);
    const { bavail, bsize } = statfsSync(directory);
    if (bavail * bsize - RESERVE_BYTES >= needed) return;
    const free = Math.round((bavail * bsize) / 1e6);
    const detail = `a snapshot takes ${Math.ceil(needed / 1e6)} MB and ${directory} has ${free} MB free; free space there`;
    throw new DomainError('disk_space', detail);
  }

  async function makeNow(): Promise<KeptSnapshot> {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    requireSpace();
    const temporary = join(directory, `making-${uuidv7()}.db`);
    try {
      const manifest = await createSnapshot(store, temporary);
      const path = snapshotPath(directory, manifest);
      await rename(temporary, path);
      return storeManifest({ ...manifest, createdAt: clock(), path });
    } finally {
      await rm(temporary, { force: true });
    }
  }

  function accept(made: KeptSnapshot): void {
    const others = kept.filter((one) => one.path !== made.path);
    kept = [made, ...others.slice(0, settings.keep - 1)];
    for (const old of others.slice(settings.keep - 1)) removeSnapshot(old);
    const { epoch, index, bytes } = made;
    localEvents.record('snapshot.created', `a verified snapshot of index ${index} was made`, { epoch, index, bytes });
    logger.info({ epoch, index, bytes }, 'snapshot made and verified');
  }

  async function attempt(): Promise<KeptSnapshot> {
    const startedMs = performance.now();
    try {
      const made = await makeNow();
      accept(made);
      failure = '';
      restUntilMs = performance.now() + (performance.now() - startedMs) / MAX_DUTY;
      return made;
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      if (failure === '') localEvents.record('snapshot.failed', `no snapshot could be made: ${why}`, { why });
      failure = why;
      restUntilMs = performance.now() + RETRY_MS;
      if (error instanceof SnapshotInvalid) deps.onDamaged(why);
      throw error;
    }
  }

  function make(): Promise<KeptSnapshot> {
    const { epoch, index } = applier.position;
    const newest = kept[0];
    if (making === undefined && newest?.epoch === epoch && newest.index === index) return Promise.resolve(newest);
    making ??= attempt().finally(() => {
      making = undefined;
    });
    return making;
  }

  return {
    name: 'snapshots',
    intervalMs: 1_000,
    list: () => kept,
    coveredIndex: () => (kept[0]?.epoch === applier.position.epoch ? kept[0].index : 0),
    make,
    get failure() {
      return failure;
    },
    async run() {
      const nowMs = clock();
      if (!deps.isSound() || performance.now() < restUntilMs) return;
      const { position } = applier;
      const journalFull = deps.isJournalFull();
      if (isSnapshotDue({ nowMs, startedAtMs, position, newest: kept[0], journalFull, settings })) await make();
    },
  };
}
