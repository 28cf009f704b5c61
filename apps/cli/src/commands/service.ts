import type { CallResult } from '@quorate/shared/client';
import { haproxyRoutes } from '@quorate/shared/haproxy';
import { MAX_REPLICAS, type ServiceSpec, serviceRoutes } from '@quorate/shared/services';
import type { Command } from 'commander';
import { stringify } from 'yaml';
import { CliError } from '../cli-error';
import { utcTime } from '../duration';
import { integerBetween } from '../globals';
import type { Invocation } from '../invocation';
import { type Column, counted, listView } from '../output';
import { collectPages, MAX_LISTED, type Register, type Run } from '../register';
import { addAutoscaling } from './service-autoscale';
import { addLogs } from './service-logs';
import { addSpecOptions, readSpec, type SpecOptions, specOf } from './service-spec';
import { SERVICES, showAccepted, showService } from './service-view';

const count = integerBetween(0, MAX_REPLICAS);

interface CreateOptions extends SpecOptions {
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
        const empty = 'No services. Create one with: quorate service create NAME --replicas 3 -- PROGRAM ARGUMENTS';
        inv.print(listView({ data, rows: data.items, columns: SERVICES, name: (s) => s.name, empty }));
      }),
    );
  service
    .command('show')
    .description('One service with its replicas')
    .argument('<name>')
    .action(
      run(async (inv, name: string) => showService(inv, await inv.call(serviceRoutes.get, { params: { name } }))),
    );
  addSpecOptions(service.command('create').argument('<name>'))
    .description('Run a service: quorate service create web --replicas 3 -- PROGRAM ARGUMENTS')
    .option('--replicas <count>', 'how many run', count, 1)
    .option('--system', 'a system service: HA mode says how many run')
    .action(
      run(async (inv, name: string, command: string | undefined, args: string[], options: CreateOptions) => {
        const { replicas, system = false, ...from } = options;
        const body = { name, spec: await specOf(inv, command, args, from), replicas, system };
        showAccepted(inv, await inv.call(serviceRoutes.create, { body }));
      }),
    );
  addUpdates(service, run);
  addLogs(service, run);
  addAutoscaling(service, run);
  addEnding(service, run);
};

interface UpdateOptions {
  file?: string;
  system?: boolean;
}

async function update(inv: Invocation, name: string, { file, system }: UpdateOptions): Promise<void> {
  if (file === undefined && system === undefined) throw new CliError('usage', 'say what changes: --file or --system');
  const given = file === undefined ? undefined : await readSpec(inv, file);
  const { data: now, headers } = await inv.callFull(serviceRoutes.get, { params: { name } });
  const etag = headers.get('etag');
  const data = await inv.call(serviceRoutes.update, {
    params: { name },
    body: { spec: given ?? now.spec, system: system ?? now.system },
    // What somebody else changed meanwhile is not written over.
    ...(etag === null ? {} : { headers: { 'if-match': etag } }),
  });
  if (data.revision === now.revision && data.system === now.system) inv.note('nothing changed');
  showAccepted(inv, data);
}

type Revision = CallResult<typeof serviceRoutes.revisions>['items'][number];
const REVISIONS: readonly Column<Revision>[] = [
  { header: 'REVISION', value: (r) => r.revision },
  { header: 'TIME', value: (r) => utcTime(r.created_at) },
  { header: 'BY', value: (r) => r.created_by },
  { header: 'COMMAND', value: (r) => [r.spec.command, ...r.spec.args].join(' ').slice(0, 50) },
  { header: 'FAILED', value: (r) => r.failure || null },
];

async function specAt(inv: Invocation, name: string, revision: number | undefined): Promise<ServiceSpec> {
  if (revision === undefined) return (await inv.call(serviceRoutes.get, { params: { name } })).spec;
  const { items } = await inv.call(serviceRoutes.revisions, { params: { name } });
  const found = items.find((item) => item.revision === revision);
  if (found) return found.spec;
  const hint = `see: quorate service revisions ${name}`;
  throw new CliError('notFound', `${name} has no revision ${revision}, or it is not kept any more`, { hint });
}

function addUpdates(service: Command, run: Run): void {
  service
    .command('update')
    .description('Roll out another specification; one that is not healthy is rolled back')
    .argument('<name>')
    .option('-f, --file <file>', 'its specification, as YAML or JSON')
    .option('--system', 'make it a system service: HA mode says how many run')
    .option('--no-system', 'make it none')
    .action(run((inv, name: string, options: UpdateOptions) => update(inv, name, options)));
  service
    .command('revisions')
    .description('Specifications that it had, newest first, and why one was rolled back')
    .argument('<name>')
    .action(
      run(async (inv, name: string) => {
        const data = await inv.call(serviceRoutes.revisions, { params: { name } });
        const view = { rows: data.items, columns: REVISIONS, empty: 'There is none.' };
        inv.print(listView({ data, ...view, name: (r) => r.revision }));
      }),
    );
  service
    .command('spec')
    .description('Its specification, as YAML: a file to change and give to update')
    .argument('<name>')
    .option('--revision <number>', 'an earlier one', integerBetween(1, 1_000_000_000))
    .action(
      run(async (inv, name: string, { revision }: { revision?: number }) => {
        const spec = await specAt(inv, name, revision);
        inv.print({ data: spec, names: [name], text: () => stringify(spec) });
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
        const text = `restarting: ${data.services.join(', ') || 'no service'}`;
        inv.print({ data, names: data.services, text: () => text });
      }),
    );
}

/** An address that answers nothing but 503 from now on is worth a word. */
async function notePublished(inv: Invocation, name: string): Promise<void> {
  const settings = await inv.call(haproxyRoutes.getSettings, {}).catch(() => undefined);
  const found = settings?.services.find(({ service }) => service === name);
  if (found) inv.note(`it is still published on ${found.bind}; take it off with: quorate haproxy unpublish ${name}`);
}

function addEnding(service: Command, run: Run): void {
  service
    .command('remove')
    .description('Stop and forget a service')
    .argument('<name>')
    .action(
      run(async (inv, name: string) => {
        await inv.confirm(`Stop every replica of ${name} and forget it?`);
        await inv.call(serviceRoutes.remove, { params: { name } });
        inv.print({ data: { name }, names: [name], text: () => `${name} is removed; its replicas end now` });
        await notePublished(inv, name);
      }),
    );
}

export const registerScale: Register = (parent, run) => {
  parent
    .command('scale')
    .description('Set how many replicas of a service run, or of all')
    .argument('<name>', 'a service, or all')
    .argument('<count>', 'how many', count)
    .action(
      run(async (inv, name: string, replicas: number) => {
        if (name !== 'all') {
          showAccepted(inv, await inv.call(serviceRoutes.scale, { params: { name }, body: { replicas } }));
          return;
        }
        const data = await inv.call(serviceRoutes.scaleAll, { body: { replicas } });
        const which = data.services.join(', ') || 'there is no service';
        const text = `${counted(replicas, 'replica')} each: ${which}`;
        inv.print({ data, names: data.services, text: () => text });
      }),
    );
};
