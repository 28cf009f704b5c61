import { type ApiToken, apiTokenRoutes } from '@quorate/shared/api-tokens';
import { ROLES, type Role } from '@quorate/shared/route';
import { Option } from 'commander';
import { CliError } from '../cli-error';
import { relativeTime, utcTime } from '../duration';
import { durationBetween } from '../globals';
import type { Invocation } from '../invocation';
import { type Column, listView } from '../output';
import { collectPages, MAX_LISTED, type Register } from '../register';

const COLUMNS: readonly Column<ApiToken>[] = [
  { header: 'NAME', value: (t) => t.name },
  { header: 'ROLE', value: (t) => t.role },
  { header: 'HINT', value: (t) => `${t.hint}…` },
  { header: 'EXPIRES', value: (t) => (t.expires_at === null ? 'never' : relativeTime(t.expires_at, Date.now())) },
  { header: 'CREATED', value: (t) => utcTime(t.created_at) },
  { header: 'CREATED BY', value: (t) => t.created_by },
  { header: 'ID', value: (t) => t.id },
];

const listTokens = (inv: Invocation) => collectPages(MAX_LISTED, (query) => inv.call(apiTokenRoutes.list, { query }));

async function findToken(inv: Invocation, nameOrId: string): Promise<ApiToken> {
  const { items } = await listTokens(inv);
  const token = items.find((item) => item.id === nameOrId || item.name === nameOrId);
  if (token) return token;
  throw new CliError('notFound', `there is no API token '${nameOrId}'`, {
    hint: 'list them with: quorate api-token list',
  });
}

export const registerApiToken: Register = (program, run) => {
  const token = program.command('api-token').description('API tokens for scripts and monitoring');
  token
    .command('create')
    .description('Create an API token and print its secret')
    .argument('<name>', 'what it is for')
    .addOption(new Option('--role <role>', 'what it may do').choices(ROLES).default('viewer'))
    .option('--ttl <duration>', 'how long it is valid, 1m to 366d; by default for ever', durationBetween('1m', '366d'))
    .action(
      run(async (inv, name: string, options: { role: Role; ttl?: number }) => {
        const ttl_seconds = options.ttl === undefined ? null : Math.round(options.ttl / 1000);
        const data = await inv.call(apiTokenRoutes.create, { body: { name, role: options.role, ttl_seconds } });
        inv.print({ data, names: [data.token], text: () => data.token });
        const until = data.expires_at === null ? 'never expires' : `expires ${utcTime(data.expires_at)}`;
        inv.note(`Keep it now: it is shown only once. It has the role ${data.role} and ${until}.`);
        inv.note('Use it with: quorate --server URL --token-file FILE …, or the header Authorization: Bearer.');
      }),
    );
  token
    .command('list')
    .description('All API tokens, without their secrets')
    .action(
      run(async (inv) => {
        const data = await listTokens(inv);
        const empty = 'No API tokens. Create one with: quorate api-token create NAME';
        inv.print(listView({ data, rows: data.items, columns: COLUMNS, name: (t) => t.name, empty }));
      }),
    );
  token
    .command('revoke')
    .description('Revoke an API token at once')
    .argument('<token>', 'name or id')
    .action(
      run(async (inv, nameOrId: string) => {
        const found = await findToken(inv, nameOrId);
        await inv.confirm(`Revoke the API token ${found.name} (${found.role})? Whoever uses it loses access at once.`);
        await inv.call(apiTokenRoutes.remove, { params: { id: found.id } });
        inv.note(`The API token ${found.name} was revoked.`);
      }),
    );
};
