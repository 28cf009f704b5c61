import { statSync } from 'node:fs';
import { join } from 'node:path';
import { createSnapshot } from '@quorate/api/src/replication/snapshot';
import { recordSignIn } from '@quorate/api/src/resources/session/commands';
import { type Figure, note } from '../figure';
import { type Replica, signIn, withDirectory } from '../workload';
import { withReplicaOnEtcd } from './replicated';

const STATE_BYTES = 1_000_000_000;
const ROW_BYTES = 3_500;
const ROWS_A_TRANSACTION = 2_000;
const WARM_UP = 200;

/** Long values in a table of the real schema that nothing trims: the quickest way to a large file. */
function fill({ store }: Replica): void {
  const sql = store.db.$client;
  const insert = sql.prepare('INSERT INTO cluster_secrets (name, jwe, updated_at) VALUES (?, ?, 0)');
  const value = 'x'.repeat(ROW_BYTES);
  let row = 0;
  const some = sql.transaction(() => {
    for (let n = 0; n < ROWS_A_TRANSACTION; n += 1) insert.run(`filler ${row + n}`, value);
    row += ROWS_A_TRANSACTION;
  });
  while (statSync(store.path).size < STATE_BYTES) some();
  sql.pragma('wal_checkpoint(TRUNCATE)');
}

/** The longest that one write took while `during` ran, ms; writes follow each other without a pause. */
async function longestWrite(replica: Replica, during: () => Promise<unknown>): Promise<number> {
  let over = false;
  let longestMs = 0;
  let writes = 0;
  const running = during().finally(() => {
    over = true;
  });
  while (!over) {
    const startedAt = performance.now();
    await replica.propose(recordSignIn, signIn);
    longestMs = Math.max(longestMs, performance.now() - startedAt);
    writes += 1;
  }
  await running;
  note(`  ${writes} writes, the longest took ${longestMs.toFixed(1)} ms`);
  return longestMs;
}

export const snapshotUnderWrites: Figure = {
  name: 'snapshot under writes',
  unit: 'ms',
  bound: { at: 'most', value: 100 },
  why: 'longest write, on a real etcd of three members, while a state of 1 GB is copied, synced, hashed and checked on the same disk',
  measure: () =>
    withReplicaOnEtcd(async (replica) => {
      fill(replica);
      for (let n = 0; n < WARM_UP; n += 1) await replica.propose(recordSignIn, signIn);
      return withDirectory((directory) =>
        longestWrite(replica, async () => {
          const startedAt = performance.now();
          const { bytes } = await createSnapshot(replica.store, join(directory, 'snapshot.db'));
          note(`  ${(bytes / 1e6).toFixed(0)} MB in ${((performance.now() - startedAt) / 1000).toFixed(1)} s`);
        }),
      );
    }),
};
