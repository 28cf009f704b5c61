import { setTimeout as sleep } from 'node:timers/promises';
import { type Alarm, type AlarmClearing, type AlarmStep, alarmRoutes } from '@quorate/shared/alarms';
import { CliError } from '../cli-error';
import { utcTime } from '../duration';
import type { Invocation } from '../invocation';
import { type Column, listView, tableText } from '../output';
import type { Register } from '../register';

const POLL_MS = 300;

const COLUMNS: readonly Column<Alarm>[] = [
  { header: 'ALARM', value: (a) => a.code },
  { header: 'SEVERITY', value: (a) => a.severity },
  { header: 'NODE', value: (a) => a.node_id },
  { header: 'SINCE', value: (a) => utcTime(a.since) },
  { header: 'WHAT', value: (a) => a.message },
  { header: 'WHAT TO DO', value: (a) => a.cure },
];

const STEP_COLUMNS: readonly Column<AlarmStep>[] = [
  { header: 'STEP', value: (s) => s.name },
  { header: 'MEMBER', value: (s) => s.member || null },
  { header: 'STATE', value: (s) => s.state },
  { header: 'DETAIL', value: (s) => s.detail },
];

const settled = ({ state }: AlarmStep): boolean => state === 'done' || state === 'failed';

/** Tells each step once it is over. @throws CliError when one failed */
async function follow(inv: Invocation, started: AlarmClearing): Promise<AlarmClearing> {
  const params = { code: started.code };
  let seen = started;
  let told = 0;
  for (;;) {
    for (const step of seen.steps.slice(told)) {
      if (!settled(step)) break;
      inv.note(`${step.name}${step.member && ` ${step.member}`}: ${step.detail}`);
      told += 1;
    }
    if (seen.state !== 'running') return seen;
    await sleep(POLL_MS, undefined, { signal: inv.io.signal });
    const { operation } = await inv.call(alarmRoutes.clearing, { params });
    if (operation?.id !== started.id) throw new CliError('error', 'the node does not know the operation any more');
    seen = operation;
  }
}

async function clear(inv: Invocation, code: string, options: { dryRun?: boolean }): Promise<void> {
  const params = { code };
  const { plan } = await inv.call(alarmRoutes.clearing, { params });
  const view = (data: AlarmClearing) => ({
    data,
    names: [data.code],
    text: (colors: typeof inv.colors) => tableText(data.steps, STEP_COLUMNS, colors),
  });
  if (options.dryRun) return inv.print(view(plan));
  inv.note(plan.steps.map((step, n) => `${n + 1}. ${step.name}: ${step.detail}`).join('\n'));
  await inv.confirm(`Take these steps to clear ${code}?`);
  const done = await follow(inv, await inv.call(alarmRoutes.clear, { params }));
  inv.print(view(done));
  if (done.state === 'failed') throw new CliError('error', `${code} was not cleared; the failed step says why`);
}

export const registerAlarm: Register = (program, run) => {
  const alarm = program.command('alarm').description('What is wrong now, and what to do about it');
  alarm
    .command('list')
    .description('Alarms in force, the gravest first')
    .action(
      run(async (inv) => {
        const data = await inv.call(alarmRoutes.list, {});
        inv.print(listView({ data, rows: data.items, columns: COLUMNS, name: (a) => a.code, empty: 'No alarms.' }));
      }),
    );
  alarm
    .command('clear')
    .description('End an alarm of etcd step by step, after showing the steps')
    .argument('<alarm>', 'its name, as listed')
    .option('--dry-run', 'only show the steps')
    .action(run(clear));
};
