import { getTableColumns, getTableName, type InferSelectModel } from 'drizzle-orm';
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
  const columns = Object.entries(getTableColumns(table));
  const names = columns.map(([, column]) => `"${column.name}"`).join(', ');
  const insert = `INSERT INTO "${getTableName(table)}" (${names}) VALUES (${columns.map(() => '?').join(', ')})`;
  const statement = prepared((db) => db.$client.prepare(insert));
  return (db, row) => {
    const values = row as Record<string, unknown>;
    statement(db).run(columns.map(([key, column]) => column.mapToDriverValue(values[key])));
  };
}
