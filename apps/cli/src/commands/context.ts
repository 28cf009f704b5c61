import { type Context, loadConfig, updateConfig } from '../config-store';
import { relativeTime } from '../duration';
import { type Column, listView } from '../output';
import type { Register } from '../register';
import { contextOf } from '../target';

interface Row extends Context {
  name: string;
  current: boolean;
}

const COLUMNS: readonly Column<Row>[] = [
  { header: 'CURRENT', value: (r) => (r.current ? '*' : null) },
  { header: 'NAME', value: (r) => r.name },
  { header: 'SERVER', value: (r) => r.server },
  { header: 'USER', value: (r) => r.user ?? null },
  { header: 'SESSION', value: sessionOf },
  { header: 'OTHER NODES', value: (r) => r.endpoints.length },
];

function sessionOf(row: Row): string {
  if (row.token === undefined) return 'signed out';
  if (row.token_expires_at === undefined) return 'does not expire';
  const left = relativeTime(row.token_expires_at, Date.now());
  return Date.parse(row.token_expires_at) < Date.now() ? `expired ${left}` : `expires ${left}`;
}

/** What may be shown: everything but the token. */
const shown = ({ token, ...rest }: Row) => ({ ...rest, signed_in: token !== undefined });

export const registerContext: Register = (program, run) => {
  const context = program.command('context').description('The clusters this client knows');
  context
    .command('list')
    .description('All contexts')
    .action(
      run(async (inv) => {
        const config = await loadConfig(inv.io);
        const rows = Object.entries(config.contexts).map(([name, item]) => ({
          ...item,
          name,
          current: name === config.current,
        }));
        const data = { items: rows.map(shown) };
        const empty = 'No contexts. Make one with: quorate login https://HOST:8440';
        inv.print(listView({ data, rows, columns: COLUMNS, name: (r) => r.name, empty }));
      }),
    );
  context
    .command('use')
    .description('Make a context the current one')
    .argument('<name>')
    .action(
      run(async (inv, name: string) => {
        await updateConfig(inv.io, (config) => {
          contextOf(config, name);
          config.current = name;
          return true;
        });
        inv.note(`Now using ${name}.`);
      }),
    );
  context
    .command('remove')
    .description('Forget a context and its stored session')
    .argument('<name>')
    .action(
      run(async (inv, name: string) => {
        contextOf(await loadConfig(inv.io), name);
        await inv.confirm(`Forget the context ${name}?`);
        await updateConfig(inv.io, (config) => {
          delete config.contexts[name];
          if (config.current === name) delete config.current;
          return true;
        });
        inv.note(`The context ${name} was removed.`);
      }),
    );
};
