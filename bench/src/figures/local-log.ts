import { join } from 'node:path';
import { createApiToken } from '@quorate/api/src/resources/api-tokens/commands';
import Database from 'better-sqlite3';
import { type Figure, pairedRatio } from '../figure';
import { ACTOR, openReplica, tokenInput, withDirectory } from '../workload';

const BATCH = 64;
const BATCHES = 120;

/** The rows that a command leaves behind, written by hand: what plain SQLite would have to do for the same effect. */
function openRaw(directory: string, schemaOf: Database.Database) {
  const db = new Database(join(directory, 'raw.db'));
  db.pragma('journal_mode = WAL');
  db.pragma('synchronous = FULL');
  const ddl = schemaOf
    .prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite%'")
    .pluck();
  for (const sql of ddl.all() as string[]) db.exec(sql);
  const token = db.prepare('INSERT INTO api_tokens VALUES (?, ?, ?, ?, ?, ?, ?, ?)');
  const event = db.prepare('INSERT INTO events VALUES (NULL, ?, ?, ?, ?, NULL, ?, ?, ?, ?)');
  const audit = db.prepare('INSERT INTO audit VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)');
  const outcome = db.prepare('INSERT INTO seen_commands VALUES (?, ?, ?, ?, ?)');
  const position = db.prepare('INSERT OR REPLACE INTO system_state VALUES (1, 1, ?, ?, ?, ?)');
  const chain = Buffer.alloc(32);
  let index = 0;
  const writeBatch = db.transaction((inputs: ReturnType<typeof tokenInput>[]) => {
    index += 1;
    const at = Date.now();
    for (const { id, name, role, hash, hint } of inputs) {
      token.run(id, name, role, hash, hint, ACTOR.name, at, null);
      event.run(
        `1.${index}.0`,
        'api_token.created',
        1,
        index,
        at,
        ACTOR.name,
        `ada created the API token ${name}`,
        '{}',
      );
      audit.run(index, at, id, 'api_tokens.create', 'user', ACTOR.name, name, 'ok', '', 1);
      outcome.run(id, index, at, '', `{"ok":true,"result":{"id":"${id}"}}`);
    }
    position.run(index, '', chain, at);
  });
  return { writeBatch, close: () => db.close() };
}

export const localLog: Figure = {
  name: 'embedded log',
  unit: 'ratio',
  bound: { at: 'least', value: 0.7 },
  why: `created API tokens/s through proposer, log and applier against the same rows by plain better-sqlite3 transactions; synchronous=FULL, ${BATCH} a transaction`,
  measure: () =>
    withDirectory(async (directory) => {
      const replica = openReplica(directory, 'FULL');
      const raw = openRaw(directory, replica.store.db.$client);
      const rate = async (batch: () => unknown): Promise<number> => {
        const startedAt = performance.now();
        for (let n = 0; n < BATCHES; n += 1) await batch();
        return (BATCH * BATCHES * 1000) / (performance.now() - startedAt);
      };
      try {
        return await pairedRatio(
          7,
          () =>
            rate(() => Promise.all(Array.from({ length: BATCH }, () => replica.propose(createApiToken, tokenInput())))),
          () => rate(() => raw.writeBatch(Array.from({ length: BATCH }, tokenInput))),
        );
      } finally {
        raw.close();
        replica.close();
      }
    }),
};
