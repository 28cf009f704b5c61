import Database from 'better-sqlite3';
import { type BetterSQLite3Database, drizzle } from 'drizzle-orm/better-sqlite3';
import { migrate } from 'drizzle-orm/better-sqlite3/migrator';

/** Drizzle over the one connection. Everything is synchronous: a read never meets a half-applied entry. */
export type StateDb = BetterSQLite3Database<Record<string, never>> & { readonly $client: Database.Database };

/** FULL: the file is the only record (embedded log). NORMAL: the journal is, and the file may lag after a power cut. */
export type Durability = 'FULL' | 'NORMAL';

export interface StateStoreOptions {
  readonly path: string;
  readonly migrationsDir: string;
  readonly durability: Durability;
}

/** The state file, open and migrated. `db` changes when a snapshot is swapped in: read it anew at each use. */
export interface StateStore {
  readonly db: StateDb;
  readonly path: string;
  setDurability(durability: Durability): void;
  /**
   * Leaves the write-ahead log to a copier, which checkpoints it itself off this thread. Returns the function that ends
   * it; several may hold at once.
   */
  holdCheckpoints(): () => void;
  /** Closes the file, lets `swap` replace it on disk, and opens what is there. Synchronous, so no reader sees a gap. */
  replace(swap: () => void): void;
  close(): void;
}

/** 16 MiB of journal between checkpoints: each one costs two fsyncs in the middle of applying. */
const CHECKPOINT_PAGES = 4_000;

function open(options: StateStoreOptions, durability: Durability): StateDb {
  const client = new Database(options.path);
  client.pragma('journal_mode = WAL');
  client.pragma(`synchronous = ${durability}`);
  client.pragma('foreign_keys = ON');
  client.pragma(`wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
  client.pragma('cache_size = -32000');
  client.pragma('temp_store = MEMORY');
  const db: StateDb = drizzle({ client });
  migrate(db, { migrationsFolder: options.migrationsDir });
  return db;
}

/** Opens (creating when absent) and migrates the state file. @throws SqliteError when the file is damaged */
export function openStateStore(options: StateStoreOptions): StateStore {
  let durability = options.durability;
  let db = open(options, durability);
  let holders = 0;
  return {
    get db() {
      return db;
    },
    path: options.path,
    setDurability(next) {
      durability = next;
      db.$client.pragma(`synchronous = ${next}`);
    },
    holdCheckpoints() {
      holders += 1;
      db.$client.pragma('wal_autocheckpoint = 0');
      return () => {
        holders -= 1;
        if (holders === 0 && db.$client.open) db.$client.pragma(`wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
      };
    },
    replace(swap) {
      db.$client.close();
      try {
        swap();
      } finally {
        db = open(options, durability);
      }
    },
    close: () => db.$client.close(),
  };
}
