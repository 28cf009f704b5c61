import { sql } from 'drizzle-orm';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { MIGRATIONS_DIR } from '../testing/state';
import { remembered } from './remembered';
import { openStateStore, type StateStore } from './state-store';

describe('a read that is remembered', () => {
  let store: StateStore;
  const add = (name: string) => store.db.run(sql`INSERT INTO words VALUES (${name})`);
  const read = vi.fn((db: StateStore['db']) => db.all<{ name: string }>(sql`SELECT name FROM words ORDER BY name`));
  const words = remembered(read);
  const names = (): string[] => words(store.db).map(({ name }) => name);

  beforeEach(() => {
    read.mockClear();
    store = openStateStore({ path: ':memory:', migrationsDir: MIGRATIONS_DIR, durability: 'FULL' });
    store.db.run(sql`CREATE TABLE words (name TEXT)`);
    add('one');
  });
  afterEach(() => store.close());

  it('is carried out once for each change of the state', () => {
    expect([names(), names()]).toEqual([['one'], ['one']]);
    expect(read).toHaveBeenCalledTimes(1);
    add('two');
    expect(names()).toEqual(['one', 'two']);
    store.db.run(sql`UPDATE words SET name = 'three' WHERE name = 'two'`);
    expect(names()).toEqual(['one', 'three']);
    store.db.run(sql`DELETE FROM words`);
    expect(names()).toEqual([]);
  });

  it('keeps nothing of a transaction that is rolled back', () => {
    expect(names()).toEqual(['one']);
    const { $client: client } = store.db;
    client.exec('BEGIN');
    add('two');
    expect(names()).toEqual(['one', 'two']);
    client.exec('SAVEPOINT inner');
    add('three');
    expect(names()).toEqual(['one', 'three', 'two']);
    client.exec('ROLLBACK TO inner');
    expect(names()).toEqual(['one', 'two']);
    client.exec('ROLLBACK');
    expect(names()).toEqual(['one']);
  });

  it('is kept for each question apart', () => {
    const count = vi.fn(
      (db: StateStore['db'], name: string) => db.all(sql`SELECT 1 FROM words WHERE name = ${name}`).length,
    );
    const known = remembered(count);
    add('two');
    expect(['one', 'two', 'three', 'one'].map((name) => known(store.db, name))).toEqual([1, 1, 0, 1]);
    expect(count).toHaveBeenCalledTimes(3);
  });

  it('belongs to one state: another file has its own', () => {
    expect(names()).toEqual(['one']);
    const other = openStateStore({ path: ':memory:', migrationsDir: MIGRATIONS_DIR, durability: 'FULL' });
    other.db.run(sql`CREATE TABLE words (name TEXT)`);
    expect(words(other.db)).toEqual([]);
    other.close();
    expect(names()).toEqual(['one']);
  });
});
