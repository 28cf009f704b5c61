import type Database from 'better-sqlite3';

/** Rows a statement: a call into SQLite costs as much as a small row. */
const ROWS = 16;

/** Inserts many rows. `values` holds them one after the other, as many values a row as there are columns. */
export type BulkInsert = (values: readonly unknown[]) => void;

/** An INSERT for any number of rows, prepared once. */
export function bulkInsert(client: Database.Database, table: string, columns: readonly string[]): BulkInsert {
  const row = `(${columns.map(() => '?').join(', ')})`;
  const prepare = (rows: number) =>
    client.prepare(`INSERT INTO ${table} (${columns.join(', ')}) VALUES ${Array(rows).fill(row).join(', ')}`);
  const [one, many] = [prepare(1), prepare(ROWS)];
  const step = ROWS * columns.length;
  return (values) => {
    let at = 0;
    for (; at + step <= values.length; at += step) many.run(values.slice(at, at + step));
    for (; at < values.length; at += columns.length) one.run(values.slice(at, at + columns.length));
  };
}
