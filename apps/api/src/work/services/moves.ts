import type { StateDb } from '../../db/state-store';
import type { RunnerRow } from '../../resources/runners/table';
import { specOf } from './queries';
import type { ReplicaRow } from './table';

/** For a runner to hear that it was removed, and to kill what does not end by itself. */
const HEAR_AND_KILL_MS = 5_000;

/** How long a replica may take to end where its runner was removed, ms. */
export const endMsOf = (db: StateDb, { service, revision }: Pick<ReplicaRow, 'service' | 'revision'>): number =>
  (specOf(db, service, revision)?.stop_grace_seconds ?? 0) * 1000 + HEAR_AND_KILL_MS;

/** How long a runner is gone before what it had may go elsewhere, ms. One that was removed may have been online until then. */
export const lostAfterMs = (isRemoved: boolean, failoverMs: number, ownEndMs: number): number =>
  isRemoved ? Math.max(failoverMs, ownEndMs) : failoverMs;

/** When a replica may go elsewhere though its runner has not said that it ended it, ms; null while that is online. */
export function movesAt(
  db: StateDb,
  row: Pick<ReplicaRow, 'service' | 'revision'>,
  runner: RunnerRow | undefined,
  failoverSeconds: number,
): number | null {
  if (!runner) return 0;
  if (runner.status === 'online') return null;
  const isRemoved = runner.state === 'removed';
  return runner.statusSince + lostAfterMs(isRemoved, failoverSeconds * 1000, isRemoved ? endMsOf(db, row) : 0);
}
