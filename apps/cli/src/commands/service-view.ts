import type { Service } from '@quorate/shared/services';
import { utcTime } from '../duration';
import type { Invocation } from '../invocation';
import { type Colors, type Column, counted, fieldsText, tableText } from '../output';

export const SERVICES: readonly Column<Service>[] = [
  { header: 'NAME', value: (s) => (s.system ? `${s.name} (system)` : s.name) },
  { header: 'HEALTHY', value: (s) => `${s.replicas.healthy} of ${s.replicas.desired}` },
  { header: 'REVISION', value: (s) => s.revision },
  { header: 'ROLLOUT', value: (s) => s.rollout.state.replaceAll('_', ' ') },
  { header: 'AUTOSCALING', value: (s) => scalingOf(s) },
  { header: 'COMMAND', value: (s) => [s.spec.command, ...s.spec.args].join(' ').slice(0, 50) },
];

/** `2 to 8 replicas, 60 % CPU each`, or `off`. */
function scalingOf({ autoscaling }: Service): string {
  if (!autoscaling?.enabled) return 'off';
  const { min, max, target_cpu_percent: cpu, target_queue_length: queue } = autoscaling;
  return `${min} to ${max}, ${cpu === undefined ? `${queue} queued jobs` : `${cpu} % CPU`} each`;
}

const portsOf = (ports: Readonly<Record<string, number>>): string =>
  Object.entries(ports)
    .map(([name, port]) => `${name}=${port}`)
    .join(' ');

type Instance = Service['instances'][number];
/** Replicas that have no place for the same reason are one line. */
type Row = Instance & { readonly last: number };

function rowsOf(instances: readonly Instance[]): Row[] {
  const rows: Row[] = [];
  for (const one of instances) {
    const before = rows.at(-1);
    const isSame = before?.runner === null && one.runner === null && before.reason === one.reason;
    if (before && isSame && before.revision === one.revision) rows[rows.length - 1] = { ...before, last: one.slot };
    else rows.push({ ...one, last: one.slot });
  }
  return rows;
}

const INSTANCES: readonly Column<Row>[] = [
  { header: 'REPLICA', value: (r) => (r.last === r.slot ? r.slot : `${r.slot} to ${r.last}`) },
  { header: 'STATE', value: (r) => r.state.replaceAll('_', ' ') },
  { header: 'RUNNER', value: (r) => (r.runner && !r.runner_online ? `${r.runner} (offline)` : r.runner) },
  { header: 'REVISION', value: (r) => r.revision },
  { header: 'PORTS', value: (r) => portsOf(r.ports) || null },
  { header: 'RESTARTS', value: (r) => r.restarts },
  { header: 'MOVES AT', value: (r) => (r.moves_at ? utcTime(r.moves_at) : null) },
  { header: 'WHY', value: (r) => r.reason || null },
];

function rolloutOf({ rollout: { state, updated, waiting }, replicas }: Service): string {
  const waits = waiting === 0 ? '' : `, ${waiting} ${waiting === 1 ? 'waits for its' : 'wait for their'} turn`;
  return `${state.replaceAll('_', ' ')}, ${updated} of ${replicas.desired} updated${waits}`;
}

function fieldsOf(data: Service, colors: Colors): string {
  const { healthy, desired } = data.replicas;
  return fieldsText(
    [
      ['name', data.system ? `${data.name} (system)` : data.name],
      ['healthy', `${healthy} of ${counted(desired, 'replica')}`],
      ['revision', data.revision],
      ['rollout', rolloutOf(data)],
      ['detail', data.rollout.detail || null],
      ['autoscaling', scalingOf(data)],
    ],
    colors,
  );
}

export const showService = (inv: Invocation, data: Service): void =>
  inv.print({
    data,
    names: [data.name],
    text: (colors) =>
      data.instances.length === 0
        ? fieldsOf(data, colors)
        : `${fieldsOf(data, colors)}\n\n${tableText(rowsOf(data.instances), INSTANCES, colors)}`,
  });

/** After a change, of which the replicas know nothing yet. */
export function showAccepted(inv: Invocation, data: Service): void {
  inv.print({ data, names: [data.name], text: (colors) => fieldsOf(data, colors) });
  inv.note(`see how it fares with: quorate service show ${data.name}`);
}
