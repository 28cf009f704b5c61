import { prepared } from './prepared';
import type { StateDb } from './state-store';

const rowsChanged = prepared((db) => db.$client.prepare<[], number>('SELECT total_changes()').pluck());

/** Answers kept of one read; a caller that asks about ever other things must not fill the memory. */
const MAX_ANSWERS = 64;

/**
 * A read whose answers are kept until any row of the state changes: background work asks the same several times a second,
 * of a state that mostly stands still. Callers share the answer and must not change it.
 *
 * Inside a transaction it always reads: what a rolled back one saw must not outlive it, and SQLite does not take its
 * changes back out of the count.
 */
export function remembered<Args extends readonly (string | number)[], T>(
  read: (db: StateDb, ...args: Args) => T,
): (db: StateDb, ...args: Args) => T {
  const states = new WeakMap<StateDb, { changes: number | undefined; readonly answers: Map<string, T> }>();
  return (db, ...args) => {
    if (db.$client.inTransaction) return read(db, ...args);
    const changes = rowsChanged(db).get();
    const state = states.get(db) ?? { changes, answers: new Map<string, T>() };
    states.set(db, state);
    if (state.changes !== changes || state.answers.size > MAX_ANSWERS) state.answers.clear();
    state.changes = changes;
    const key = JSON.stringify(args);
    const known = state.answers.get(key);
    if (known !== undefined || state.answers.has(key)) return known as T;
    const value = read(db, ...args);
    state.answers.set(key, value);
    return value;
  };
}
