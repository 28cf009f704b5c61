import { type Cluster, clusterRoutes, clusterSchema } from '@quorate/shared/cluster';
import { type Join, joinRoutes } from '@quorate/shared/joins';
import type { Invocation } from '../invocation';
import { learnEndpoints, statusText } from '../member-view';
import type { View } from '../output';
import type { Register } from '../register';
import { followEvents } from '../stream';

const view = (cluster: Cluster, joins: readonly Join[]): View => ({
  data: { ...cluster, joins },
  names: [cluster.name],
  text: (colors) => statusText(cluster, joins, colors),
});

async function openJoins(inv: Invocation): Promise<Join[]> {
  const { items } = await inv.call(joinRoutes.list, { query: { limit: 100 } });
  return items.filter((join) => join.state !== 'done');
}

/** One line of what matters, for logs and pipes. */
function summary({ quorum, leader_id, term, members }: Cluster): string {
  const counts = members.map((m) => `${m.name}=${m.suffrage}${m.leader ? '*' : ''}/${m.health}`).join(' ');
  return `${quorum.sentence} leader=${leader_id ?? 'none'} term=${term} ${counts}`;
}

/** Shows a cluster view as it arrives: a redraw on a terminal, else a line for each change; JSON is one object a line. */
function createPainter(inv: Invocation): (cluster: Cluster, joins: readonly Join[]) => void {
  let last = '';
  const live = inv.io.stdout.isTTY && inv.globals.output === 'table';
  return (cluster, joins) => {
    if (inv.globals.output === 'json') {
      inv.write(`${JSON.stringify({ ...cluster, joins })}\n`);
      return;
    }
    if (!live) {
      const line = summary(cluster);
      if (line !== last) inv.write(`${new Date().toISOString().slice(0, 19)}Z ${line}\n`);
      last = line;
      return;
    }
    const height = Math.max(5, (inv.io.stdout.rows || 24) - 1);
    const text = `${statusText(cluster, joins, inv.colors)}\n\n${inv.colors.dim(`live, ${new Date().toISOString().slice(11, 19)}Z; Ctrl-C ends`)}`;
    const lines = text.split('\n').slice(0, height);
    // Home, each line cleared to its end, the rest of the screen cleared: no flicker.
    inv.write(`${last ? '' : '\u001b[2J'}\u001b[H${lines.map((line) => `${line}\u001b[K\n`).join('')}\u001b[J`);
    last = 'drawn';
  };
}

async function watch(inv: Invocation, first: Cluster): Promise<void> {
  const paint = createPainter(inv);
  let joins = await openJoins(inv);
  let cluster = first;
  paint(cluster, joins);
  for await (const event of followEvents(inv, {})) {
    if (event.event === 'cluster') {
      const parsed = clusterSchema.safeParse(JSON.parse(event.data));
      if (!parsed.success) continue;
      cluster = parsed.data;
    }
    const joining = joins.length > 0 || cluster.members.some((m) => m.suffrage !== 'voter');
    if (joining) joins = await openJoins(inv).catch(() => joins);
    if (event.event === 'cluster' || joining) paint(cluster, joins);
  }
}

export const registerStatus: Register = (program, run) => {
  program
    .command('status')
    .description('Quorum, leader, members and joins at a glance; exits 6 when the quorum is lost')
    .option('-w, --watch', 'stay and follow every change')
    .action(
      run(async (inv, options: { watch?: boolean }) => {
        const cluster = await inv.call(clusterRoutes.get, {});
        await learnEndpoints(inv, cluster.members);
        if (options.watch) return watch(inv, cluster);
        inv.print(view(cluster, await openJoins(inv)));
        if (!cluster.quorum.held) inv.endWith('unavailable');
      }),
    );
};
