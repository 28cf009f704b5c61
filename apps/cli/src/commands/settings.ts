import { type Retention, type RetentionView, retentionRoutes } from '@quorate/shared/retention';
import { CliError } from '../cli-error';
import { integerBetween } from '../globals';
import type { Invocation } from '../invocation';
import { recordView } from '../output';
import type { Register } from '../register';

function show(inv: Invocation, data: RetentionView): void {
  inv.print(
    recordView({
      data,
      name: `${data.events} ${data.audit}`,
      fields: [
        ['events kept', `${data.events} (${data.stored.events} stored)`],
        ['audit kept', `${data.audit} (${data.stored.audit} stored)`],
      ],
    }),
  );
}

const { events, audit } = retentionRoutes.put.body.shape;
const rows = ({ minValue, maxValue }: typeof events) => integerBetween(minValue ?? 0, maxValue ?? 0);

export const registerSettings: Register = (program, run) => {
  const settings = program.command('settings').description('What holds for the whole cluster');
  const retention = settings.command('retention').description('How many events and audit records are kept');
  retention
    .command('show', { isDefault: true })
    .description('What is kept, and what is stored now')
    .action(run(async (inv) => show(inv, await inv.call(retentionRoutes.get, {}))));
  retention
    .command('set')
    .description('Change what is kept; the oldest rows beyond it go, bit by bit, with further writes')
    .option('--events <n>', 'events to keep', rows(events))
    .option('--audit <n>', 'audit records to keep', rows(audit))
    .action(
      run(async (inv, options: Partial<Retention>) => {
        if (options.events === undefined && options.audit === undefined) {
          throw new CliError('usage', 'nothing to change', { hint: 'give --events, --audit or both' });
        }
        const current = await inv.callFull(retentionRoutes.get, {});
        const etag = current.headers.get('etag');
        const data = await inv.call(retentionRoutes.put, {
          body: { events: options.events ?? current.data.events, audit: options.audit ?? current.data.audit },
          ...(etag === null ? {} : { headers: { 'if-match': etag } }),
        });
        show(inv, data);
      }),
    );
};
