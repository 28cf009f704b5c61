import { prepared } from '../../db/prepared';
import type { StateDb } from '../../db/state-store';

const statements = prepared((db) => ({
  termAt: db.$client.prepare<[number], { term: number }>(
    'SELECT term FROM leadership_terms WHERE log_index <= ? ORDER BY term DESC LIMIT 1',
  ),
}));

/** The Raft term that was recorded by `index`; null before there was one, and for entries before the records that are kept. */
export const termAt = (db: StateDb, index: number): number | null => statements(db).termAt.get(index)?.term ?? null;
