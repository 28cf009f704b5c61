import Database from 'better-sqlite3';
import { runSqlInThread, type SqlStep } from './sqlite-thread';
import { INIT_POLICY, TABLE_POLICY } from './table-policy';

/** Where the restored state stands. */
export interface RestoredPosition {
  readonly epoch: number;
  readonly index: number;
  /** Hash chain, hex: another one than the replaced state has at this index. */
  readonly chain: string;
  readonly lastAt: number;
}

export type MergeKind = 'restore' | 'init';

const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/** Columns of each table, in a file that nobody writes to. */
function tablesIn(path: string): Map<string, string[]> {
  const file = new Database(path, { readonly: true, fileMustExist: true });
  try {
    const rows = file
      .prepare<[], { tbl: string; col: string }>(
        "SELECT s.name AS tbl, c.name AS col FROM sqlite_schema s, pragma_table_info(s.name) c WHERE s.type = 'table' " +
          "AND s.name NOT LIKE '\\_\\_drizzle%' ESCAPE '\\' AND s.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY s.name, c.cid",
      )
      .all();
    const tables = new Map<string, string[]>();
    for (const { tbl, col } of rows) tables.set(tbl, [...(tables.get(tbl) ?? []), col]);
    return tables;
  } finally {
    file.close();
  }
}

const emptied = (table: string): SqlStep => ({ sql: `DELETE FROM main.${quoted(table)}` });

/** Rows in their order of insertion: rowids, by which outcomes are trimmed, must ascend in the same order everywhere. */
function copied(table: string, columns: readonly string[]): SqlStep[] {
  const names = columns.map(quoted).join(', ');
  const from = `SELECT ${names} FROM live.${quoted(table)} ORDER BY rowid`;
  return [emptied(table), { sql: `INSERT INTO main.${quoted(table)} (${names}) ${from}` }];
}

/**
 * Sessions go on only where nothing about them differs between file and state. Everyone else's end: a session that was
 * ended since the backup (a changed password, a deleted user) must not come back to life with it.
 */
const SESSIONS: readonly SqlStep[] = [
  {
    sql:
      'UPDATE main.users SET kept_session = NULL, session_version = 1 + max(session_version, ' +
      'coalesce((SELECT l.session_version FROM live.users l WHERE l.id = main.users.id), 0)) ' +
      'WHERE NOT EXISTS (SELECT 1 FROM live.users l WHERE l.id = main.users.id ' +
      'AND l.password_hash = main.users.password_hash AND l.session_version = main.users.session_version ' +
      'AND l.kept_session IS main.users.kept_session)',
  },
  { sql: 'INSERT OR IGNORE INTO main.revoked_sessions SELECT * FROM live.revoked_sessions ORDER BY rowid' },
];

/**
 * What a webhook was told already stays told: the events are those of the present state. One that still exists keeps its
 * secret: its receiver knows that one, and the file's may be under a cluster key that was replaced since.
 */
const WEBHOOKS: SqlStep = {
  sql:
    'UPDATE main.webhooks SET cursor = coalesce((SELECT l.cursor FROM live.webhooks l WHERE l.id = main.webhooks.id), ' +
    '(SELECT max(seq) FROM live.events), 0), secret_jwe = coalesce((SELECT l.secret_jwe FROM live.webhooks l ' +
    'WHERE l.id = main.webhooks.id), secret_jwe)',
};

/**
 * Replicas stay where they are, so that none runs twice. One whose specification is another in the file, or not in it, begins
 * anew in its turn: no revision has the number 0.
 */
const REPLICAS: SqlStep = {
  sql:
    'UPDATE main.service_replicas SET revision = 0 WHERE NOT EXISTS (SELECT 1 FROM main.service_revisions m ' +
    'JOIN live.service_revisions l ON l.service = m.service AND l.revision = m.revision AND l.spec = m.spec ' +
    'WHERE m.service = main.service_replicas.service AND m.revision = main.service_replicas.revision)',
};

/** Schedules owe nothing for the time between file and restore: what was due then was run. */
const schedules = (lastAt: number): SqlStep => ({
  sql: 'UPDATE main.job_schedules SET done_until = max(done_until, ?)',
  params: [lastAt],
});

function restoreSteps(tables: ReadonlyMap<string, readonly string[]>): SqlStep[] {
  const kept = [...tables].filter(([name]) => TABLE_POLICY[name] === 'present');
  const replicas = copied('service_replicas', tables.get('service_replicas') ?? []);
  return [...kept.flatMap(([name, columns]) => copied(name, columns)), ...replicas, REPLICAS, ...SESSIONS, WEBHOOKS];
}

/** The new cluster is the node's own: its id, its CA, its keys; the name and the setup are the file's. */
function initSteps(tables: ReadonlyMap<string, readonly string[]>): SqlStep[] {
  const steps = [...tables].flatMap(([name, columns]) => {
    const policy = INIT_POLICY[name];
    if (policy === 'present') return copied(name, columns);
    return policy === 'emptied' ? [emptied(name)] : [];
  });
  const identity = {
    sql:
      'UPDATE main.cluster_info SET cluster_id = (SELECT cluster_id FROM live.cluster_info), ' +
      'ca_cert = (SELECT ca_cert FROM live.cluster_info)',
  };
  return [...steps, identity];
}

/**
 * Turns a staged file into the state that takes over: in one transaction, what the present state keeps is copied into it
 * and its position is set. Both files have this build's schema, and nobody writes to either. Every replica that does this
 * with the same two files gets the same rows.
 *
 * @throws SqlThreadError
 */
export async function mergeState(options: {
  kind: MergeKind;
  staged: string;
  live: string;
  position: RestoredPosition;
}): Promise<void> {
  const { staged, live, position } = options;
  const tables = tablesIn(staged);
  const { epoch, index, chain, lastAt } = position;
  const steps: SqlStep[] = [
    { sql: 'PRAGMA foreign_keys = OFF' },
    { sql: 'PRAGMA synchronous = FULL' },
    { sql: 'ATTACH ? AS live', params: [live] },
    { sql: 'BEGIN' },
    ...(options.kind === 'restore' ? restoreSteps(tables) : initSteps(tables)),
    schedules(lastAt),
    { sql: 'DELETE FROM main.system_state' },
    {
      sql:
        'INSERT INTO main.system_state (id, epoch, applied_index, cursor, chain, last_at) ' +
        `VALUES (1, ?, ?, '', X'${chain}', ?)`,
      params: [epoch, index, lastAt],
    },
    { sql: 'COMMIT' },
  ];
  await runSqlInThread({ path: staged, readonly: false, steps });
}

/** Whether the file was merged for this position already, by a process that was killed before it could switch. */
export function isMerged(staged: string, { epoch, chain }: RestoredPosition): boolean {
  const file = new Database(staged, { readonly: true, fileMustExist: true });
  try {
    const row = file.prepare('SELECT epoch, chain FROM system_state WHERE id = 1').get() as
      | { epoch: number; chain: Buffer }
      | undefined;
    return row?.epoch === epoch && row.chain.toString('hex') === chain;
  } finally {
    file.close();
  }
}
