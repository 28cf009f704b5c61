import { type Runner, runnerRoutes } from '@quorate/shared/runners';
import { CliError } from '../cli-error';
import { relativeTime, utcTime } from '../duration';
import type { Invocation } from '../invocation';
import { type Colors, type Column, counted, fieldsText, listView, tableText } from '../output';
import { collectPages, MAX_LISTED, type Register } from '../register';

const percent = (value: number | null): string => (value === null ? '-' : `${Math.round(value)}%`);
const labelText = (runner: Runner): string =>
  Object.entries(runner.labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(', ');
const statusOf = ({ status, drained, problem }: Runner): string =>
  [status, drained && 'drained', problem !== '' && 'begins no job'].filter(Boolean).join(', ');

const COLUMNS: readonly Column<Runner>[] = [
  { header: 'NAME', value: (r) => r.name },
  {
    header: 'STATUS',
    value: statusOf,
    paint: (text, r, colors) => (statusOf(r) === 'online' ? colors.green(text) : colors.yellow(text)),
  },
  { header: 'SINCE', value: (r) => relativeTime(r.status_since, Date.now()) },
  { header: 'NODE', value: (r) => r.node_id },
  { header: 'JOBS', value: (r) => r.jobs },
  { header: 'REPLICAS', value: (r) => r.replicas },
  { header: 'CAPACITY', value: (r) => r.capacity },
  { header: 'CPU', value: (r) => percent(r.cpu_percent) },
  { header: 'MEMORY', value: (r) => percent(r.memory_percent) },
  { header: 'LABELS', value: labelText },
  { header: 'VERSION', value: (r) => r.version },
];

const list = (inv: Invocation) => collectPages(MAX_LISTED, (query) => inv.call(runnerRoutes.list, { query }));

/** By name or id. @throws CliError notFound, conflict (a node and a runner may have one name) */
async function find(inv: Invocation, which: string): Promise<Runner> {
  const { items } = await list(inv);
  const [found, ...others] = items.filter(({ id, name }) => id === which || name === which);
  if (found && others.length > 0) {
    const ids = [found, ...others].map(({ id, node_id }) => (node_id === null ? id : `${id} (in node ${node_id})`));
    throw new CliError('conflict', `more than one runner is named ${which}`, {
      hint: `name its id: ${ids.join(', ')}`,
    });
  }
  if (found) return found;
  throw new CliError('notFound', `there is no runner ${which}`, { hint: 'see: quorate runner list' });
}

const PROGRAMS: readonly Column<Runner['programs'][number]>[] = [
  { header: 'RUNS', value: (p) => `${p.kind} ${p.name}` },
  { header: 'OF A PROCESSOR', value: (p) => percent(p.cpu_percent) },
  { header: 'MEMORY', value: (p) => `${Math.round(p.rss_bytes / 1048576)} MiB` },
];

function fieldsOf(runner: Runner): [string, string | number | null][] {
  const has = `${counted(runner.jobs, 'job')}, ${counted(runner.replicas, 'replica')}`;
  return [
    ['name', runner.name],
    ['id', runner.id],
    ['status', `${statusOf(runner)} since ${utcTime(runner.status_since)}`],
    ['problem', runner.problem],
    ['inside of node', runner.node_id],
    ['connected to nodes', runner.connected_to.join(', ')],
    ['has', `${has}; capacity ${runner.capacity}`],
    ['CPU', percent(runner.cpu_percent)],
    ['memory', percent(runner.memory_percent)],
    ['measured', utcTime(runner.measured_at)],
    ['labels', labelText(runner)],
    ['version', runner.version],
    ['certificate expires', utcTime(runner.certificate_expires_at)],
    ['joined', utcTime(runner.joined_at)],
  ];
}

export const registerRunner: Register = (program, run) => {
  const runner = program.command('runner').description('Runners: the hosts that run jobs and services');
  runner
    .command('list')
    .description('Runners with their load')
    .action(
      run(async (inv) => {
        const data = await list(inv);
        const empty = 'No runners. Add one with: quorate token create --kind runner';
        inv.print(listView({ data, rows: data.items, columns: COLUMNS, name: (r) => r.name, empty }));
      }),
    );
  runner
    .command('show')
    .description('One runner, and what it runs')
    .argument('<runner>', 'its name or id')
    .action(
      run(async (inv, which: string) => {
        const { id } = await find(inv, which);
        const data = await inv.call(runnerRoutes.get, { params: { id } });
        const text = (colors: Colors): string => {
          const fields = fieldsText(fieldsOf(data), colors);
          return data.programs.length === 0 ? fields : `${fields}\n\n${tableText(data.programs, PROGRAMS, colors)}`;
        };
        inv.print({ data, names: [data.name], text });
      }),
    );
  runner
    .command('drain')
    .description('Give it no new work; its replicas move away, its jobs finish')
    .argument('<runner>', 'its name or id')
    .action(
      run(async (inv, which: string) => {
        const { id } = await find(inv, which);
        const data = await inv.call(runnerRoutes.drain, { params: { id } });
        inv.note(`${data.name} is drained. Put it back with: quorate runner resume ${data.name}`);
      }),
    );
  runner
    .command('resume')
    .description('Give a drained runner work again')
    .argument('<runner>', 'its name or id')
    .action(
      run(async (inv, which: string) => {
        const { id } = await find(inv, which);
        const data = await inv.call(runnerRoutes.resume, { params: { id } });
        inv.note(`${data.name} gets work again.`);
      }),
    );
  runner
    .command('remove')
    .description('Forget a runner: its key opens nothing any more, its work goes elsewhere')
    .argument('<runner>', 'its name or id')
    .action(
      run(async (inv, which: string) => {
        const { id, name, jobs, replicas } = await find(inv, which);
        await inv.confirm(
          `Remove the runner ${name}, which has ${counted(jobs, 'job')} and ${counted(replicas, 'replica')}?`,
        );
        await inv.call(runnerRoutes.remove, { params: { id } });
        inv.note(`The runner ${name} was removed.`);
      }),
    );
};
