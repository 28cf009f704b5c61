import { joinRoutes } from '@quorate/shared/joins';
import { integerBetween } from '../globals';
import { JOIN_COLUMNS } from '../member-view';
import { listView } from '../output';
import { collectPages, MAX_LISTED, type Register } from '../register';

export const registerJoin: Register = (program, run) => {
  const join = program.command('join').description('Nodes on their way into the cluster');
  join
    .command('list')
    .description('Joins with their stage, newest first')
    .option('--limit <count>', 'how many to show', integerBetween(1, MAX_LISTED), 50)
    .action(
      run(async (inv, options: { limit: number }) => {
        const data = await collectPages(options.limit, (query) => inv.call(joinRoutes.list, { query }));
        const empty = 'No joins yet. Start one with: quorate token create';
        inv.print(listView({ data, rows: data.items, columns: JOIN_COLUMNS, name: (j) => j.node_id, empty }));
      }),
    );
};
