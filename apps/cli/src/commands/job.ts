import { JOB_KINDS, JOB_STATES, type Job, type JobState, jobRoutes } from '@quorate/shared/jobs';
import { type Command, Option } from 'commander';
import { CliError } from '../cli-error';
import { relativeTime } from '../duration';
import { integerBetween, uuidArgument } from '../globals';
import type { Invocation } from '../invocation';
import { type Column, counted, listView, recordView } from '../output';
import { collectPages, MAX_LISTED, type Register, type Run } from '../register';
import { addFileOptions, type FileOptions, submitFile } from './job-file';
import { followJob, printOutput } from './job-logs';
import { addScheduleCommands } from './job-schedule';
import { addSpecOptions, type SpecOptions, submissionOf } from './job-spec';
import { showJob, showSubmitted, specText } from './job-view';

const COLUMNS: readonly Column<Job>[] = [
  { header: 'ID', value: (j) => j.id },
  { header: 'SUBMITTED', value: (j) => relativeTime(j.created_at, Date.now()) },
  {
    header: 'STATE',
    value: (j) => j.state,
    paint: (text, j, colors) => {
      if (j.state === 'failed') return colors.red(text);
      return j.state === 'succeeded' ? colors.green(text) : text;
    },
  },
  { header: 'ATTEMPTS', value: (j) => `${j.attempts.length}` },
  { header: 'RUNNER', value: (j) => j.attempts.at(-1)?.runner ?? null },
  { header: 'WHAT', value: (j) => specText(j).slice(0, 60) },
  { header: 'WAITS FOR', value: (j) => j.waiting_for },
];

/** Follows a job to its end; its exit code becomes that of this command. */
async function followToEnd(inv: Invocation, id: string, attempt?: number): Promise<void> {
  const end = await followJob(inv, id, attempt);
  if (!end) return;
  if (end.state === 'succeeded') return;
  const why = end.error || (end.signal ? `ended by ${end.signal}` : `exit code ${end.exit_code}`);
  inv.note(`job ${id} ${end.state}${end.state === 'cancelled' ? '' : `: ${why}`}`);
  inv.endWith(end.exit_code === null || end.exit_code === 0 ? 1 : end.exit_code);
}

interface SubmitOptions extends SpecOptions, FileOptions {
  follow?: boolean;
}

function addSubmit(job: Command, run: Run): void {
  for (const name of ['submit', 'run']) {
    const submit = addSpecOptions(job.command(name))
      .description('Run a program on a runner: quorate job run --follow -- PROGRAM ARGUMENTS')
      .option('-f, --follow', 'show what it writes until it is over, and end with its exit code');
    addFileOptions(submit).action(
      run(async (inv, command: string | undefined, args: string[], options: SubmitOptions) => {
        if (options.file !== undefined || options.skip !== undefined) return submitFile(inv, command, options);
        const submitted = await inv.call(jobRoutes.create, { body: await submissionOf(inv, command, args, options) });
        if (!options.follow) return showSubmitted(inv, submitted);
        inv.note(`job ${submitted.id}`);
        await followToEnd(inv, submitted.id);
      }),
    );
  }
}

export const registerJob: Register = (program, run) => {
  const job = program
    .command('job')
    .description('Jobs: programs that runners execute, and what the cluster does itself');
  addSubmit(job, run);
  job
    .command('list')
    .description('Jobs, newest first; dead letters are those that failed')
    .addOption(new Option('--state <state>', 'only this state').choices(JOB_STATES))
    .addOption(new Option('--kind <kind>', 'only this kind').choices(JOB_KINDS))
    .option('--schedule <id>', 'only those of this schedule', uuidArgument)
    .option('--limit <count>', 'how many to show', integerBetween(1, MAX_LISTED), 50)
    .action(
      run(async (inv, options: { limit: number; state?: JobState; kind?: string; schedule?: string }) => {
        const { limit, schedule: schedule_id, ...filter } = options;
        const data = await collectPages(limit, (query) =>
          inv.call(jobRoutes.list, { query: { ...query, ...filter, schedule_id } }),
        );
        const empty = 'No jobs. Submit one with: quorate job submit -- PROGRAM ARGUMENTS';
        inv.print(listView({ data, rows: data.items, columns: COLUMNS, name: (j) => j.id, empty }));
      }),
    );
  job
    .command('show')
    .description('One job with its last attempt')
    .argument('<id>', 'the job', uuidArgument)
    .action(run(async (inv, id: string) => showJob(inv, await inv.call(jobRoutes.get, { params: { id } }))));
  addActions(job, run);
  addScheduleCommands(job, run);
};

function addActions(job: Command, run: Run): void {
  job
    .command('logs')
    .description('What a job wrote, as it is; with --follow, as it comes')
    .argument('<id>', 'the job', uuidArgument)
    .option('-f, --follow', 'stay until it is over, and end with its exit code')
    .option('--attempt <number>', 'another attempt than the last', integerBetween(1, 1_000_000))
    .action(
      run((inv, id: string, { follow, attempt }: { follow?: boolean; attempt?: number }) =>
        follow ? followToEnd(inv, id, attempt) : printOutput(inv, id, attempt),
      ),
    );
  job
    .command('cancel')
    .description('Cancel a job: one that runs is ended with everything that it started')
    .argument('<id>', 'the job', uuidArgument)
    .action(run(async (inv, id: string) => showJob(inv, await inv.call(jobRoutes.cancel, { params: { id } }))));
  job
    .command('retry')
    .description('Run a failed or cancelled job again; without an id, dead letters')
    .argument('[id]', 'the job', uuidArgument)
    .addOption(new Option('--kind <kind>', 'only dead letters of this kind').choices(JOB_KINDS))
    .option('--schedule <id>', 'only dead letters of this schedule', uuidArgument)
    .action(
      run(async (inv, id: string | undefined, { kind, schedule }: { kind?: string; schedule?: string }) => {
        if (id !== undefined && (kind !== undefined || schedule !== undefined))
          throw new CliError('usage', 'give an id or a filter, not both');
        if (id !== undefined) return showJob(inv, await inv.call(jobRoutes.retry, { params: { id } }));
        await inv.confirm('Run all these dead letters again?');
        const body = { ...(kind ? { kind } : {}), ...(schedule ? { schedule_id: schedule } : {}) };
        const data = await inv.call(jobRoutes.retryDeadLetters, { body });
        const left = data.left > 0 ? `; ${data.left} left: repeat it` : '';
        const text = `${counted(data.retried, 'job')} to run again${left}`;
        inv.print({ data, names: [String(data.retried)], text: () => text });
      }),
    );
  job
    .command('summary')
    .description('How many jobs are in which state')
    .action(
      run(async (inv) => {
        const data = await inv.call(jobRoutes.summary, {});
        const fields = Object.entries(data.counts).map(([state, count]): [string, number] => [state, count]);
        inv.print(recordView({ data, name: String(data.dead_letters), fields }));
      }),
    );
}
