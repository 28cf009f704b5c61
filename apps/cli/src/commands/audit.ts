import { type AuditRecord, auditRoutes } from '@quorate/shared/audit';
import { utcTime } from '../duration';
import { integerBetween } from '../globals';
import { type Column, listView } from '../output';
import { collectPages, MAX_LISTED, type Register } from '../register';

const COLUMNS: readonly Column<AuditRecord>[] = [
  { header: 'SEQ', value: (r) => r.seq },
  { header: 'TIME', value: (r) => utcTime(r.at) },
  {
    header: 'ACTOR',
    value: (r) => (r.actor_kind === 'user' || r.actor_kind === r.actor ? r.actor : `${r.actor} (${r.actor_kind})`),
  },
  { header: 'ACTION', value: (r) => r.action },
  { header: 'TARGET', value: (r) => r.target },
  {
    header: 'OUTCOME',
    value: (r) => (r.code ? `${r.outcome}: ${r.code}` : r.outcome),
    paint: (text, r, colors) => (r.outcome === 'refused' ? colors.yellow(text) : text),
  },
  { header: 'NODE', value: (r) => r.node_id },
];

export const registerAudit: Register = (program, run) => {
  program
    .command('audit')
    .description('Who changed what, newest first')
    .option('--actor <name>', 'only changes by this user or token')
    .option('--action <action>', 'only this action, such as users.create')
    .option('--limit <count>', 'how many to show', integerBetween(1, MAX_LISTED), 50)
    .action(
      run(async (inv, options: { actor?: string; action?: string; limit: number }) => {
        const { actor, action } = options;
        const data = await collectPages(options.limit, (query) =>
          inv.call(auditRoutes.list, { query: { ...query, actor, action } }),
        );
        inv.print(listView({ data, rows: data.items, columns: COLUMNS, name: (r) => r.seq, empty: 'No records.' }));
      }),
    );
};
