import { setTimeout as sleep } from 'node:timers/promises';
import { type ReplicaCheck, replicaRoutes } from '@quorate/shared/replicas';
import type { Command } from 'commander';
import { CliError } from '../cli-error';
import type { Invocation } from '../invocation';
import { type Column, listView } from '../output';
import type { Run } from '../register';

const POLL_MS = 300;
const WAIT_MS = 60_000;

type Replica = ReplicaCheck['replicas'][number];
const says = (replica: Replica): string => (replica.agrees === null ? 'unknown' : replica.agrees ? 'equal' : 'differs');

const COLUMNS: readonly Column<Replica>[] = [
  { header: 'ID', value: (r) => r.id },
  { header: 'MEMBER', value: (r) => r.name },
  { header: 'STATE', value: says },
  { header: 'DIGEST', value: (r) => r.digest?.slice(0, 16) ?? null },
];

/** Until every member has answered, or long enough. */
async function follow(inv: Invocation, index: number): Promise<ReplicaCheck> {
  const deadline = performance.now() + WAIT_MS;
  for (;;) {
    const { check } = await inv.call(replicaRoutes.get, {});
    const isOurs = check !== null && check.index >= index;
    if (isOurs && check.replicas.every(({ digest }) => digest !== null)) return check;
    if (performance.now() > deadline) {
      if (isOurs) return check;
      throw new CliError('timeout', 'this node has not compared its state yet; try again');
    }
    await sleep(POLL_MS, undefined, { signal: inv.io.signal });
  }
}

/** Adds `verify` below `cluster`. */
export function addReplicaCommands(cluster: Command, run: Run): void {
  cluster
    .command('verify')
    .description('Compare the state of all members at one index of the log')
    .action(
      run(async (inv) => {
        const { index } = await inv.call(replicaRoutes.check, {});
        const data = await follow(inv, index);
        inv.print(listView({ data, rows: data.replicas, columns: COLUMNS, name: says, empty: 'No members.' }));
        if (data.verdict !== 'diverged') return;
        throw new CliError('error', 'a member differs; it takes the state of the others by itself: quorate alarm list');
      }),
    );
}
