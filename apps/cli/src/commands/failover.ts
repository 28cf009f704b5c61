import { type Failover, failoverRoutes } from '@quorate/shared/failovers';
import type { Command } from 'commander';
import { utcTime } from '../duration';
import { integerBetween } from '../globals';
import { findMember } from '../member-view';
import { type Column, listView } from '../output';
import { collectPages, MAX_LISTED, type Run } from '../register';

const ms = (value: number | null): string | null => (value === null ? null : `${value} ms`);

const COLUMNS: readonly Column<Failover>[] = [
  { header: 'TERM', value: (f) => f.term },
  { header: 'TIME', value: (f) => utcTime(f.at) },
  { header: 'FROM', value: (f) => f.from },
  { header: 'TO', value: (f) => f.to },
  { header: 'REASON', value: (f) => (f.requested_by ? `${f.reason} (${f.requested_by})` : f.reason) },
  { header: 'WRITE GAP', value: (f) => ms(f.write_gap_ms) },
  { header: 'MEASURED FROM', value: (f) => f.measured_from?.replaceAll('_', ' ') ?? null },
  { header: 'PROBE', value: (f) => ms(f.probe_gap_ms) },
];

/** Adds `failovers` and `failovers test` below `cluster`. */
export function addFailoverCommands(cluster: Command, run: Run): void {
  const failovers = cluster
    .command('failovers')
    .description('Changes of leadership and how long no write was committed, newest first')
    .option('--limit <count>', 'how many to show', integerBetween(1, MAX_LISTED), 20)
    .action(
      run(async (inv, options: { limit: number }) => {
        const data = await collectPages(options.limit, (query) => inv.call(failoverRoutes.list, { query }));
        const empty = 'Leadership has not changed yet. Test it with: quorate cluster failovers test';
        inv.print(listView({ data, rows: data.items, columns: COLUMNS, name: (f) => f.term, empty }));
      }),
    );
  failovers
    .command('test')
    .description('Hand leadership over while a probe writes, and report how long it waited')
    .option('--to <member>', 'id or name; by default the most advanced voter')
    .action(
      run(async (inv, options: { to?: string }) => {
        const to = options.to === undefined ? null : (await findMember(inv, options.to)).id;
        await inv.confirm('Hand leadership over now? Writes wait for a moment.');
        const data = await inv.call(failoverRoutes.test, { body: { to } });
        const failed = data.failed_writes > 0 ? `, ${data.failed_writes} failed` : '';
        inv.print({
          data,
          names: [String(data.write_gap_ms)],
          text: () =>
            `Leadership went from node ${data.from} to node ${data.to} (term ${data.term}). Longest time without an ` +
            `acknowledged write: ${data.write_gap_ms} ms (a usual write takes ${data.usual_write_ms} ms; ` +
            `${data.writes} writes${failed}).`,
        });
      }),
    );
}
