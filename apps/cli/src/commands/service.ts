import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { MAX_REPLICAS, type Service, serviceRoutes, serviceSpecSchema } from '@quorate/shared/services';
import { parse } from 'yaml';
import { CliError } from '../cli-error';
import { utcTime } from '../duration';
import { integerBetween } from '../globals';
import type { Invocation } from '../invocation';
import { type Column, fieldsText, listView, tableText } from '../output';
import { collectPages, MAX_LISTED, type Register } from '../register';

const COLUMNS: readonly Column<Service>[] = [
  { header: 'NAME', value: (s) => (s.system ? `${s.name} (system)` : s.name) },
  { header: 'HEALTHY', value: (s) => `${s.replicas.healthy} of ${s.replicas.desired}` },
  { header: 'REVISION', value: (s) => s.revision },
  { header: 'ROLLOUT', value: (s) => s.rollout.state.replaceAll('_', ' ') },
  { header: 'AUTOSCALING', value: (s) => scalingOf(s) },
  { header: 'COMMAND', value: (s) => [s.spec.command, ...s.spec.args].join(' ').slice(0, 50) },
];

const scalingOf = ({ autoscaling }: Service): string =>
  autoscaling?.enabled ? `${autoscaling.min} to ${autoscaling.max}` : 'off';

type Instance = Service['instances'][number];
const INSTANCES: readonly Column<Instance>[] = [
  { header: 'SLOT', value: (r) => r.slot },
  { header: 'STATE', value: (r) => r.state.replaceAll('_', ' ') },
  { header: 'RUNNER', value: (r) => (r.runner && !r.runner_online ? `${r.runner} (offline)` : r.runner) },
  { header: 'REVISION', value: (r) => r.revision },
  {
    header: 'PORTS',
    value: (r) =>
      Object.entries(r.ports)
        .map(([name, port]) => `${name}=${port}`)
        .join(' ') || null,
  },
  { header: 'RESTARTS', value: (r) => r.restarts },
  { header: 'MOVES AT', value: (r) => (r.moves_at ? utcTime(r.moves_at) : null) },
  { header: 'WHY', value: (r) => r.reason || null },
];

function show(inv: Invocation, data: Service): void {
  inv.print({
    data,
    names: [data.name],
    text: (colors) =>
      [
        fieldsText(
          [
            ['name', data.name],
            ['healthy', `${data.replicas.healthy} of ${data.replicas.desired} replicas`],
            ['revision', data.revision],
            ['rollout', `${data.rollout.state.replaceAll('_', ' ')}, ${data.rollout.updated} updated`],
            ['detail', data.rollout.detail || null],
            ['autoscaling', scalingOf(data)],
          ],
          colors,
        ),
        '',
        tableText(data.instances, INSTANCES, colors),
      ].join('\n'),
  });
}

/** A specification from a file of JSON or YAML. Its fields are checked here, before anything is sent. */
async function readSpec(inv: Invocation, file: string) {
  const text = await readFile(resolve(inv.io.cwd, file), 'utf8').catch((cause: unknown) => {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new CliError('usage', `the specification cannot be read: ${why}`);
  });
  const parsed = serviceSpecSchema.safeParse(parse(text));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new CliError('usage', `${file}: ${issue?.path.join('.') || 'the specification'}: ${issue?.message}`);
}

const count = integerBetween(0, MAX_REPLICAS);

interface CreateOptions {
  file: string;
  replicas: number;
  system?: boolean;
}

export const registerService: Register = (parent, run) => {
  const service = parent.command('service').description('Programs that runners keep running');
  service
    .command('list')
    .description('Services, with how many of their replicas are healthy')
    .action(
      run(async (inv) => {
        const data = await collectPages(MAX_LISTED, (query) => inv.call(serviceRoutes.list, { query }));
        const empty = 'No services. Create one with: quorate service create NAME --file SPEC.yaml';
        inv.print(listView({ data, rows: data.items, columns: COLUMNS, name: (s) => s.name, empty }));
      }),
    );
  service
    .command('show')
    .description('One service with its replicas')
    .argument('<name>')
    .action(run(async (inv, name: string) => show(inv, await inv.call(serviceRoutes.get, { params: { name } }))));
  service
    .command('create')
    .description('Run a service')
    .argument('<name>')
    .requiredOption('-f, --file <file>', 'its specification, as YAML or JSON')
    .option('--replicas <count>', 'how many run', count, 1)
    .option('--system', 'a system service: HA mode says how many run')
    .action(
      run(async (inv, name: string, { file, replicas, system = false }: CreateOptions) => {
        const body = { name, spec: await readSpec(inv, file), replicas, system };
        show(inv, await inv.call(serviceRoutes.create, { body }));
      }),
    );
  service
    .command('update')
    .description('Roll out another specification; one that is not healthy is rolled back')
    .argument('<name>')
    .requiredOption('-f, --file <file>', 'its specification, as YAML or JSON')
    .action(
      run(async (inv, name: string, { file }: { file: string }) => {
        const spec = await readSpec(inv, file);
        const { system } = await inv.call(serviceRoutes.get, { params: { name } });
        show(inv, await inv.call(serviceRoutes.update, { params: { name }, body: { spec, system } }));
      }),
    );
  service
    .command('restart')
    .description('Restart services, no more replicas at a time than may be away; without names, all of them')
    .argument('[names...]')
    .action(
      run(async (inv, names: string[]) => {
        if (names.length === 0) await inv.confirm('Restart every service, one replica after the other?');
        const data = await inv.call(serviceRoutes.restart, { body: { services: names } });
        inv.print({
          data,
          names: data.services,
          text: () => `restarting: ${data.services.join(', ') || 'no service'}`,
        });
      }),
    );
  service
    .command('remove')
    .description('Stop and forget a service')
    .argument('<name>')
    .action(
      run(async (inv, name: string) => {
        await inv.confirm(`Stop every replica of ${name} and forget it?`);
        await inv.call(serviceRoutes.remove, { params: { name } });
        inv.print({ data: { name }, names: [name], text: () => `${name} is removed; its replicas end now` });
      }),
    );
};

export const registerScale: Register = (parent, run) => {
  parent
    .command('scale')
    .description('Set how many replicas of a service run, or of all')
    .argument('<name>', 'a service, or all')
    .argument('<count>', 'how many', count)
    .action(
      run(async (inv, name: string, replicas: number) => {
        if (name !== 'all') {
          show(inv, await inv.call(serviceRoutes.scale, { params: { name }, body: { replicas } }));
          return;
        }
        const data = await inv.call(serviceRoutes.scaleAll, { body: { replicas } });
        const which = data.services.join(', ') || 'there is no service';
        inv.print({ data, names: data.services, text: () => `${replicas} replicas each: ${which}` });
      }),
    );
};
