import type { StateDb } from './state-store';

/**
 * A statement that is built once for each connection. Drizzle builds SQL on every call otherwise,
 * which costs more than running it; use this where a statement runs for each command or request.
 */
export function prepared<T>(build: (db: StateDb) => T): (db: StateDb) => T {
  const built = new WeakMap<StateDb, T>();
  return (db) => {
    const known = built.get(db);
    if (known !== undefined) return known;
    const fresh = build(db);
    built.set(db, fresh);
    return fresh;
  };
}
