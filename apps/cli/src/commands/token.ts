import { type JoinToken, joinTokenRoutes } from '@quorate/shared/join-tokens';
import { Option } from 'commander';
import { relativeTime, utcTime } from '../duration';
import { collect, durationBetween, integerBetween, uuidArgument } from '../globals';
import { type Column, listView } from '../output';
import { collectPages, MAX_LISTED, type Register } from '../register';

const redeemedBy = (token: JoinToken): string =>
  [
    ...token.redemptions.map((one) => `${one.node_name} (${one.node_id})`),
    ...token.runner_redemptions.map((one) => one.runner_name),
  ].join(', ');

const COLUMNS: readonly Column<JoinToken>[] = [
  { header: 'ID', value: (t) => t.id },
  { header: 'KIND', value: (t) => t.kind },
  {
    header: 'STATUS',
    value: (t) => t.status,
    paint: (text, t, colors) => (t.status === 'active' ? colors.green(text) : colors.dim(text)),
  },
  { header: 'USES', value: (t) => `${t.uses}/${t.max_uses}` },
  { header: 'EXPIRES', value: (t) => relativeTime(t.expires_at, Date.now()) },
  { header: 'BOUND TO', value: boundTo },
  { header: 'REDEEMED BY', value: redeemedBy },
  { header: 'CREATED BY', value: (t) => t.created_by },
];

function boundTo(token: JoinToken): string {
  const parts = [token.node_name, token.node_id === null ? null : `id ${token.node_id}`, ...token.allowed_cidrs];
  return parts.filter((part) => part !== null).join(', ');
}

interface CreateOptions {
  kind: 'cluster' | 'runner';
  uses: number;
  ttl: number;
  name?: string;
  id?: number;
  cidr?: string[];
}

export const registerToken: Register = (program, run) => {
  const token = program.command('token').description('Join tokens: how a node gets into the cluster');
  token
    .command('create')
    .description('Mint a join token and print the command to run on the new node')
    .addOption(new Option('--kind <kind>', 'what the token admits').choices(['cluster', 'runner']).default('cluster'))
    .addOption(
      new Option('--ttl <duration>', 'how long it can be used, 1m to 24h')
        .argParser(durationBetween('1m', '24h'))
        .default(3_600_000, '1h'),
    )
    .addOption(new Option('--uses <count>', 'how many nodes may use it').argParser(integerBetween(1, 63)).default(1))
    .option('--name <node>', 'only for a node of this name')
    .option('--id <id>', 'only for this node id', integerBetween(1, 63))
    .option('--cidr <network>', 'only from this network, such as 10.0.0.0/8; may be repeated', collect)
    .action(
      run(async (inv, options: CreateOptions) => {
        const data = await inv.call(joinTokenRoutes.create, {
          body: {
            kind: options.kind,
            max_uses: options.uses,
            ttl_seconds: Math.round(options.ttl / 1000),
            node_name: options.name ?? null,
            node_id: options.id ?? null,
            allowed_cidrs: options.cidr ?? [],
          },
        });
        inv.print({ data, names: [data.join_string], text: () => data.join_command });
        for (const warning of data.warnings) inv.warn(warning);
        const what = data.kind === 'runner' ? 'runner' : 'node';
        const uses = data.max_uses === 1 ? `one ${what}` : `${data.max_uses} ${what}s`;
        inv.note(
          `Run it on the new ${what}. It is shown only now, admits ${uses} and expires ${utcTime(data.expires_at)}.`,
        );
        const list = data.kind === 'runner' ? 'quorate runner list' : 'quorate join list';
        inv.note(`Follow the join with: ${list}. Take the token back with: quorate token revoke ${data.id}`);
      }),
    );
  token
    .command('list')
    .description('Join tokens, with who redeemed them')
    .action(
      run(async (inv) => {
        const data = await collectPages(MAX_LISTED, (query) => inv.call(joinTokenRoutes.list, { query }));
        const empty = 'No join tokens. Mint one with: quorate token create';
        inv.print(listView({ data, rows: data.items, columns: COLUMNS, name: (t) => t.id, empty }));
      }),
    );
  token
    .command('revoke')
    .description('Take a join token back; nodes that joined by it stay')
    .argument('<id>', 'id of the token, as quorate token list shows it', uuidArgument)
    .action(
      run(async (inv, id: string) => {
        await inv.confirm(`Revoke the join token ${id}?`);
        await inv.call(joinTokenRoutes.revoke, { params: { id } });
        inv.note(`The join token ${id} was revoked.`);
      }),
    );
};
