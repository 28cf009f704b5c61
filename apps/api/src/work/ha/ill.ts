import type { HaUpdate } from '@quorate/shared/ha';
import { asc } from 'drizzle-orm';
import type { StateDb } from '../../db/state-store';
import { type ReplicaRow, serviceReplicas } from '../services/table';

/** Replicas that failed when an update began, and have not been well since: they do not stop it. */
export type IllBefore = HaUpdate['ill_before'];

/** One that does not stay up is healthy for moments. */
const STABLE_MS = 30_000;
const MAX_REASON = 200;

const replicas = (db: StateDb): ReplicaRow[] =>
  db.select().from(serviceReplicas).orderBy(asc(serviceReplicas.service), asc(serviceReplicas.slot)).all();

const isWell = ({ state, stateAt }: ReplicaRow, at: number, stableMs: number): boolean =>
  state === 'healthy' && at - stateAt >= stableMs;

/** One that has only just been started fails not yet. */
const isFailing = (row: ReplicaRow, at: number): boolean =>
  row.runnerId !== null &&
  row.want === 'run' &&
  (row.state === 'unhealthy' || row.state === 'backing_off' || (row.restarts > 0 && !isWell(row, at, STABLE_MS)));

/** Replicas that fail now. Pure over the state; `at` in ms. */
export const illNow = (db: StateDb, at: number): IllBefore =>
  replicas(db)
    .filter((row) => isFailing(row, at))
    .map(({ service, slot, reason }) => ({ service, slot, reason: reason.slice(0, MAX_REASON) }));

export const hasReplica = (list: IllBefore, service: string, slot: number): boolean =>
  list.some((one) => one.service === service && one.slot === slot);

/** Those of `before` that have not been healthy for `stableMs`, wherever they are by now. */
export function stillIll(db: StateDb, before: IllBefore, at: number, stableMs = STABLE_MS): IllBefore {
  if (before.length === 0) return before;
  const ill = replicas(db).filter((row) => !isWell(row, at, stableMs));
  return before.filter(({ service, slot }) => ill.some((row) => row.service === service && row.slot === slot));
}

const MAX_NAMED = 3;

/** `replica 0 of web is not healthy, as before the update`; undefined for none. */
export function illWords(list: IllBefore): string | undefined {
  if (list.length === 0) return undefined;
  const names = list.slice(0, MAX_NAMED).map(({ service, slot }) => `${slot} of ${service}`);
  const more = list.length > MAX_NAMED ? ` and ${list.length - MAX_NAMED} more` : '';
  const [noun, verb] = list.length === 1 ? ['replica', 'is'] : ['replicas', 'are'];
  return `${noun} ${names.join(', ')}${more} ${verb} not healthy, as before the update`;
}
