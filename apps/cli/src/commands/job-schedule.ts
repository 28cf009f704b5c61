import { type JobSchedule, jobScheduleRoutes, MISSED_RUNS, OVERLAPS } from '@quorate/shared/job-schedules';
import { type Command, Option } from 'commander';
import { CliError } from '../cli-error';
import { relativeTime, utcTime } from '../duration';
import type { Invocation } from '../invocation';
import { type Column, listView, recordView } from '../output';
import { collectPages, MAX_LISTED, type Run } from '../register';
import { addSpecOptions, type SpecOptions, submissionOf } from './job-spec';
import { showSubmitted, specText } from './job-view';

const COLUMNS: readonly Column<JobSchedule>[] = [
  { header: 'NAME', value: (s) => s.name },
  { header: 'WHEN', value: (s) => `${s.cron} (${s.time_zone})` },
  { header: 'NEXT', value: (s) => (s.next_run_at === null ? 'off' : relativeTime(s.next_run_at, Date.now())) },
  { header: 'LAST', value: (s) => (s.last_due_at === null ? null : relativeTime(s.last_due_at, Date.now())) },
  { header: 'RUNS', value: (s) => s.runs },
  { header: 'SKIPPED', value: (s) => s.skipped_runs },
  { header: 'MISSED', value: (s) => s.missed_runs },
  { header: 'WHAT', value: (s) => specText(s).slice(0, 50) },
];

const listSchedules = (inv: Invocation) =>
  collectPages(MAX_LISTED, (query) => inv.call(jobScheduleRoutes.list, { query }));

/** @throws CliError when there is none */
async function findSchedule(inv: Invocation, nameOrId: string): Promise<JobSchedule> {
  const { items } = await listSchedules(inv);
  const found = items.find(({ id, name }) => id === nameOrId || name === nameOrId);
  if (found) return found;
  const hint = 'list them with: quorate job schedule list';
  throw new CliError('notFound', `there is no schedule '${nameOrId}'`, { hint });
}

const show = (inv: Invocation, data: JobSchedule): void =>
  inv.print(
    recordView({
      data,
      name: data.id,
      fields: [
        ['id', data.id],
        ['name', data.name],
        ['what', specText(data)],
        ['when', `${data.cron} (${data.time_zone})`],
        ['next run', data.next_run_at === null ? 'off' : utcTime(data.next_run_at)],
        ['last due', data.last_due_at === null ? null : utcTime(data.last_due_at)],
        ['last job', data.last_job_id],
        ['runs', data.runs],
        ['when one is still open', data.overlap.replaceAll('_', ' ')],
        ['skipped', data.skipped_runs],
        ['when one was missed', data.missed.replaceAll('_', ' ')],
        ['missed', data.missed_runs],
      ],
    }),
  );

interface CreateOptions extends SpecOptions {
  timeZone: string;
  overlap: (typeof OVERLAPS)[number];
  missed: (typeof MISSED_RUNS)[number];
  disabled?: boolean;
}

export function addScheduleCommands(job: Command, run: Run): void {
  const schedule = job.command('schedule').description('Jobs that are submitted at the times of a cron expression');
  schedule
    .command('list')
    .description('All schedules, with their next and last runs')
    .action(
      run(async (inv) => {
        const data = await listSchedules(inv);
        const empty = 'No schedules. Create one with: quorate job schedule create NAME "0 3 * * *" -- PROGRAM';
        inv.print(listView({ data, rows: data.items, columns: COLUMNS, name: (s) => s.name, empty }));
      }),
    );
  const create = schedule
    .command('create')
    .description('Submit a job at each due time, once whichever node leads')
    .argument('<name>', 'what it is called')
    .argument('<cron>', 'five fields, or six with seconds first, such as "0 3 * * *"');
  addSpecOptions(create)
    .option('--time-zone <zone>', 'of the expression', 'UTC')
    .addOption(new Option('--overlap <policy>', 'when one is still open').choices(OVERLAPS).default('skip'))
    .addOption(new Option('--missed <policy>', 'due times that passed').choices(MISSED_RUNS).default('run_latest'))
    .option('--disabled', 'create it switched off')
    .action(
      run(async (inv, name: string, cron: string, command: string | undefined, args: string[], o: CreateOptions) => {
        const { timeZone: time_zone, overlap, missed, disabled } = o;
        const submission = await submissionOf(inv, command, args, o);
        const body = { name, cron, time_zone, overlap, missed, enabled: !disabled, ...submission };
        show(inv, await inv.call(jobScheduleRoutes.create, { body }));
      }),
    );
  addOne(schedule, run);
}

function addOne(schedule: Command, run: Run): void {
  const verb = (
    name: string,
    description: string,
    act: (inv: Invocation, found: JobSchedule) => Promise<void> | void,
  ): void => {
    schedule
      .command(name)
      .description(description)
      .argument('<schedule>', 'name or id')
      .action(run(async (inv, nameOrId: string) => act(inv, await findSchedule(inv, nameOrId))));
  };
  verb('show', 'One schedule', show);
  verb('enable', 'Go on with it', async (inv, { id }) =>
    show(inv, await inv.call(jobScheduleRoutes.enable, { params: { id } })),
  );
  verb('disable', 'Submit nothing more', async (inv, { id }) =>
    show(inv, await inv.call(jobScheduleRoutes.disable, { params: { id } })),
  );
  verb('run', 'Submit its job now', async (inv, { id }) =>
    showSubmitted(inv, await inv.call(jobScheduleRoutes.run, { params: { id } })),
  );
  verb('delete', 'Delete it; its jobs stay', async (inv, { id, name }) => {
    await inv.confirm(`Delete the schedule ${name}?`);
    await inv.call(jobScheduleRoutes.remove, { params: { id } });
    inv.note(`The schedule ${name} was deleted.`);
  });
}
