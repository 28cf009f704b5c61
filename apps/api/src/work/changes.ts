import { prepared } from '../db/prepared';
import type { StateDb } from '../db/state-store';
import type { Applier } from '../replication/applier';

/** Ids of runners; `all` when it is not known which. */
export type ChangedRunners = ReadonlySet<string> | 'all';

/** What a change concerns. */
export interface Changes {
  /** What these are to have may have changed. */
  readonly runners: ChangedRunners;
  /** Who there is to place work on, or what is to be placed: runners, services, HA mode. Jobs are left out. */
  readonly placing: boolean;
}

/** What was noted while entries were applied. */
interface Noted {
  readonly ids: Set<string>;
  placing: boolean;
  /** Nothing was taken yet: the state was just opened, or another one was put in its place. */
  isNew: boolean;
}

const NOTE_RUNNER = 'note_runner';
const NOTE_PLACING = 'note_placing';
/** Of an attempt nobody is told anything that its job does not tell. */
const SAID_ELSEWHERE = 'job_attempts';
const PLACING = /^(runners|service.*|ha_.*)$/;

/**
 * Every table with a column `runner_id` says what its runner is to have, and `runners` says whether it still is one. Triggers
 * of this connection alone call back: nothing of this is in the file, and no command has to think of it.
 */
const notedOf = prepared(({ $client: client }): Noted => {
  const noted: Noted = { ids: new Set<string>(), placing: false, isNew: true };
  client.function(NOTE_RUNNER, (id) => {
    if (typeof id === 'string') noted.ids.add(id);
    return null;
  });
  client.function(NOTE_PLACING, () => {
    noted.placing = true;
    return null;
  });
  const tables = client
    .prepare<[], { name: string; hasRunner: number }>(
      "SELECT name, EXISTS (SELECT 1 FROM pragma_table_info(m.name) c WHERE c.name = 'runner_id') AS hasRunner " +
        "FROM sqlite_master m WHERE type = 'table'",
    )
    .all();
  for (const { name, hasRunner } of tables) {
    const column = name === 'runners' ? 'id' : hasRunner === 1 && name !== SAID_ELSEWHERE ? 'runner_id' : undefined;
    for (const event of ['INSERT', 'UPDATE', 'DELETE'] as const) {
      const calls = [
        ...(column === undefined ? [] : noteRunner(event, column)),
        ...(PLACING.test(name) ? [`SELECT ${NOTE_PLACING}();`] : []),
      ];
      if (calls.length === 0) continue;
      client.exec(
        `CREATE TEMP TRIGGER "note_${name}_${event}" AFTER ${event} ON main."${name}" BEGIN ${calls.join(' ')} END`,
      );
    }
  }
  return noted;
});

function noteRunner(event: 'INSERT' | 'UPDATE' | 'DELETE', column: string): string[] {
  const [was, is] = [`OLD."${column}"`, `NEW."${column}"`];
  if (event === 'DELETE') return [`SELECT ${NOTE_RUNNER}(${was});`];
  const now = `SELECT ${NOTE_RUNNER}(${is});`;
  return event === 'INSERT' ? [now] : [now, `SELECT ${NOTE_RUNNER}(${was}) WHERE ${was} IS NOT ${is};`];
}

/** What was concerned by what was applied since the last call. */
export function takeChanges(db: StateDb): Changes {
  const noted = notedOf(db);
  const { ids, placing, isNew } = noted;
  const taken: Changes = isNew ? { runners: 'all', placing: true } : { runners: new Set(ids), placing };
  ids.clear();
  Object.assign(noted, { placing: false, isNew: false });
  return taken;
}

/** Says what entries concern, once for all entries that are applied in a row. @returns what ends it */
export function watchChanges(
  { applier, db }: { applier: Applier; db: () => StateDb },
  onChanges: (changes: Changes) => void,
): () => void {
  let scheduled = false;
  let stopped = false;
  const unsubscribe = applier.onApplied(() => {
    if (scheduled) return;
    scheduled = true;
    setImmediate(() => {
      scheduled = false;
      if (!stopped) onChanges(takeChanges(db()));
    });
  });
  return () => {
    stopped = true;
    unsubscribe();
  };
}
