import { createHash } from 'node:crypto';
import type { StateDb } from '../db/state-store';

/** The log's resume hint belongs to one node's reader; everything else in the file is replicated. */
const LOCAL_COLUMNS = new Set(['system_state.cursor']);

function tablesOf(db: StateDb): string[] {
  const sql =
    "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE '\\_\\_drizzle%' ESCAPE '\\' " +
    "AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name";
  return db.$client
    .prepare<[], { name: string }>(sql)
    .all()
    .map((row) => row.name);
}

/** sha256 of every row of one table, in the order of all its columns. */
export function tableDigest(db: StateDb, table: string): string {
  const columns = db.$client
    .prepare<[string], { name: string }>('SELECT name FROM pragma_table_info(?) ORDER BY cid')
    .all(table)
    .map((row) => row.name)
    .filter((name) => !LOCAL_COLUMNS.has(`${table}.${name}`))
    .map((name) => `"${name}"`)
    .join(', ');
  const hash = createHash('sha256');
  const rows = db.$client.prepare(`SELECT ${columns} FROM "${table}" ORDER BY ${columns}`).raw().iterate();
  for (const row of rows) {
    hash.update(JSON.stringify(row, (_, value) => (Buffer.isBuffer(value) ? value.toString('hex') : value)));
    hash.update('\n');
  }
  return hash.digest('hex');
}

/** One digest for each replicated table: equal on two nodes that applied the same entries. */
export function stateDigest(db: StateDb): Record<string, string> {
  return Object.fromEntries(tablesOf(db).map((table) => [table, tableDigest(db, table)]));
}
