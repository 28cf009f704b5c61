import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openStateStore, type StateStore } from '../db/state-store';

export const MIGRATIONS_DIR = join(import.meta.dirname, '../../../../drizzle');

/** A migrated state file in a folder of its own. `dispose` removes it. */
export function openTestState(): { store: StateStore; directory: string; dispose: () => void } {
  const directory = mkdtempSync(join(tmpdir(), 'quorate-state-'));
  const store = openStateStore({
    path: join(directory, 'state.db'),
    migrationsDir: MIGRATIONS_DIR,
    durability: 'NORMAL',
  });
  return {
    store,
    directory,
    dispose() {
      store.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
