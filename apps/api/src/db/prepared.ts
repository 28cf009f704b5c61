import { getTableColumns, type InferSelectModel, sql } from 'drizzle-orm';
import type { SQLiteTable } from 'drizzle-orm/sqlite-core';
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

/** An INSERT of whole rows, built once: every column needs a value, be it null. */
export function preparedInsert<T extends SQLiteTable>(table: T): (db: StateDb, row: InferSelectModel<T>) => void {
  const statement = prepared((db) => {
    const values = Object.keys(getTableColumns(table)).map((key) => [key, sql.placeholder(key)]);
    return db
      .insert(table)
      .values(Object.fromEntries(values) as never)
      .prepare();
  });
  return (db, row) => void statement(db).run(row);
}
