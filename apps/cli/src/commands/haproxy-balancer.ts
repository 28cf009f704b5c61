import { balancerRoutes, type HaproxyBalancer } from '@quorate/shared/haproxy-balancers';
import type { Command } from 'commander';
import { relativeTime } from '../duration';
import { type Column, listView } from '../output';
import type { Run } from '../register';

const STATUS_COLOR = { current: 'green', stale: 'yellow', failing: 'red', silent: 'red' } as const;

/** The revision, or the start of the ETag of one that was too short-lived to get a number. */
const configurationOf = ({ revision, etag }: HaproxyBalancer): string =>
  revision === null ? (etag?.slice(1, 13) ?? 'none') : String(revision);

const COLUMNS: readonly Column<HaproxyBalancer>[] = [
  { header: 'NAME', value: (b) => b.name },
  { header: 'STATUS', value: (b) => b.status, paint: (text, b, colors) => colors[STATUS_COLOR[b.status]](text) },
  { header: 'RUNS', value: configurationOf },
  { header: 'BY', value: (b) => b.via },
  { header: 'HAPROXY', value: (b) => b.haproxy_version },
  {
    header: 'LAST HEARD',
    value: (b) => (b.last_heard_at === null ? 'not yet' : relativeTime(b.last_heard_at, Date.now())),
  },
  { header: 'REPORTED BY', value: (b) => b.reported_by },
  { header: 'DETAIL', value: (b) => b.detail },
];

export function addBalancers(haproxy: Command, run: Run): void {
  const balancer = haproxy.command('balancer').description('Load balancers that report which configuration they run');
  balancer
    .command('list')
    .description('Which configuration each runs, and when it was last heard of')
    .action(
      run(async (inv) => {
        const data = await inv.call(balancerRoutes.list, {});
        const empty = 'No load balancer reports. On its host run: quorate haproxy watch --out FILE --reload COMMAND';
        inv.print(listView({ data, rows: data.items, columns: COLUMNS, name: (b) => b.name, empty }));
      }),
    );
  balancer
    .command('remove')
    .description('Forget a load balancer; one that still reports comes back')
    .argument('<name>', 'as the list shows it')
    .action(
      run(async (inv, name: string) => {
        await inv.confirm(`Forget the load balancer ${name}?`);
        await inv.call(balancerRoutes.remove, { params: { name } });
        inv.note(`The load balancer ${name} was removed.`);
      }),
    );
}
