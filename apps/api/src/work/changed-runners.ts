import { prepared } from '../db/prepared';
import type { StateDb } from '../db/state-store';
import type { Applier } from '../replication/applier';

/** Which runners a change concerns, gathered while entries are applied. */
interface Changes {
  /** What is to be told may have changed for these. */
  readonly ids: Set<string>;
  /** Nothing was taken yet: the state was just opened, or another one was put in its place. */
  isNew: boolean;
}

const FUNCTION = 'note_runner';

/**
 * Every table with a column `runner_id` says what its runner is to have, and `runners` says whether it still is one. Triggers
 * of this connection alone call back with the ids: nothing of this is in the file, and no command has to think of it.
 */
const changesOf = prepared((db): Changes => {
  const { $client: client } = db;
  const ids = new Set<string>();
  client.function(FUNCTION, (id) => {
    if (typeof id === 'string') ids.add(id);
    return null;
  });
  const tables = client
    .prepare<[], { name: string }>(
      "SELECT m.name FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table' AND c.name = 'runner_id'",
    )
    .all();
  const watched = [...tables.map(({ name }) => ({ name, column: 'runner_id' })), { name: 'runners', column: 'id' }];
  for (const { name, column } of watched) {
    for (const [event, rows] of EVENTS) {
      const calls = rows.map((row) => `SELECT ${FUNCTION}(${row}."${column}");`).join(' ');
      client.exec(`CREATE TEMP TRIGGER "note_${name}_${event}" AFTER ${event} ON main."${name}" BEGIN ${calls} END`);
    }
  }
  return { ids, isNew: true };
});

const EVENTS = [
  ['INSERT', ['NEW']],
  ['UPDATE', ['OLD', 'NEW']],
  ['DELETE', ['OLD']],
] as const;

/** Ids of runners; `all` when it is not known which. */
export type ChangedRunners = ReadonlySet<string> | 'all';

/** The runners that were concerned by what was applied since the last call. */
export function takeChangedRunners(db: StateDb): ChangedRunners {
  const changes = changesOf(db);
  if (changes.isNew) {
    changes.isNew = false;
    changes.ids.clear();
    return 'all';
  }
  const taken = new Set(changes.ids);
  changes.ids.clear();
  return taken;
}

/** Says which runners entries concern, once for all entries that are applied in a row. @returns what ends it */
export function watchRunners(
  { applier, db }: { applier: Applier; db: () => StateDb },
  onChanged: (changed: ChangedRunners) => void,
): () => void {
  let scheduled = false;
  let stopped = false;
  const unsubscribe = applier.onApplied(() => {
    if (scheduled) return;
    scheduled = true;
    setImmediate(() => {
      scheduled = false;
      if (stopped) return;
      const changed = takeChangedRunners(db());
      if (changed === 'all' || changed.size > 0) onChanged(changed);
    });
  });
  return () => {
    stopped = true;
    unsubscribe();
  };
}
