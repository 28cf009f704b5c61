import { setTimeout as sleep } from 'node:timers/promises';
import { ApiError } from '@quorate/shared/client';
import { type HaFailover, type HaMode, type HaUpdate, haRoutes } from '@quorate/shared/ha';
import { CliError } from '../cli-error';
import { utcTime } from '../duration';
import { integerBetween } from '../globals';
import type { Invocation } from '../invocation';
import { type Colors, type Column, fieldsText, listView, plain, tableText } from '../output';
import { collectPages, MAX_LISTED, type Register } from '../register';

const STEPS: readonly Column<HaUpdate['nodes'][number]>[] = [
  { header: 'NODE', value: (s) => `${s.node_id} (${s.name})` },
  { header: 'STATE', value: (s) => s.state },
  { header: 'SINCE', value: (s) => utcTime(s.since) },
  { header: 'DETAIL', value: (s) => s.detail || null },
];
const MOVES: readonly Column<HaMode['pending_moves'][number]>[] = [
  { header: 'REPLICA', value: (m) => `${m.service}/${m.slot}` },
  { header: 'RUNNER', value: (m) => m.runner },
  { header: 'MOVES AT', value: (m) => utcTime(m.moves_at) },
  { header: 'WHY', value: (m) => m.reason },
];
const FAILOVERS: readonly Column<HaFailover>[] = [
  { header: 'REPLICA', value: (f) => `${f.service}/${f.slot}` },
  { header: 'FROM', value: (f) => f.runner },
  { header: 'TO', value: (f) => f.to_runner },
  { header: 'OFFLINE', value: (f) => utcTime(f.offline_at) },
  { header: 'DUE', value: (f) => utcTime(f.due_at) },
  { header: 'LATE', value: (f) => `${f.late_ms} ms` },
  { header: 'MOVED', value: (f) => utcTime(f.moved_at) },
  { header: 'HEALTHY', value: (f) => (f.healthy_at ? utcTime(f.healthy_at) : null) },
];

/** Lines of their own; none when there is none. */
const illText = ({ ill_before }: HaUpdate): string[] => {
  const ill = ill_before.map(({ service, slot }) => `${service}/${slot}`).join(', ');
  return ill === '' ? [] : [`failed already when it began, and do not stop it: ${ill}`];
};

const updateText = (data: HaUpdate, colors: Colors): string => {
  const head = `update ${data.state}${data.detail ? `: ${plain(data.detail)}` : ''}`;
  return [head, ...illText(data), '', tableText(data.nodes, STEPS, colors)].join('\n');
};

const showUpdate = (inv: Invocation, data: HaUpdate): void =>
  inv.print({ data, names: [data.id], text: (colors) => updateText(data, colors) });

function show(inv: Invocation, data: HaMode): void {
  inv.print({
    data,
    names: [data.enabled ? 'on' : 'off'],
    text: (colors) =>
      [
        fieldsText(
          [
            ['HA mode', data.enabled ? 'on' : 'off'],
            ['system replicas', data.system_replicas],
            ['failover', `after ${data.failover_seconds} s`],
            ['voting nodes', `${data.nodes} (needs ${data.nodes_needed})`],
            ['warning', data.warning || null],
          ],
          colors,
        ),
        ...(data.pending_moves.length > 0 ? ['', tableText(data.pending_moves, MOVES, colors)] : []),
        ...(data.update ? ['', `last ${updateText(data.update, colors)}`] : []),
      ].join('\n'),
  });
}

const FOLLOW_MS = 1_000;

interface SetOptions {
  systemReplicas?: number;
  failoverSeconds?: number;
}

async function change(inv: Invocation, enabled: boolean | undefined, options: SetOptions): Promise<void> {
  if (enabled === undefined && Object.keys(options).length === 0) {
    throw new CliError('usage', 'say what changes: --system-replicas or --failover-seconds');
  }
  const { data: now, headers } = await inv.callFull(haRoutes.get, {});
  const etag = headers.get('etag');
  const body = {
    enabled: enabled ?? now.enabled,
    system_replicas: options.systemReplicas ?? now.system_replicas,
    failover_seconds: options.failoverSeconds ?? now.failover_seconds,
  };
  // What somebody else set meanwhile is not written over.
  show(inv, await inv.call(haRoutes.put, { body, ...(etag === null ? {} : { headers: { 'if-match': etag } }) }));
}

/** Tells of each step as it comes. Ends when the update does, or with Ctrl-C; the update goes on then. */
async function followUpdate(inv: Invocation, begun: HaUpdate): Promise<void> {
  let update = begun;
  for (const line of illText(begun)) inv.note(line);
  const told = new Map<number, string>();
  for (;;) {
    for (const { node_id: id, name, state, detail } of update.nodes) {
      const text = `node ${id} (${plain(name)}): ${state}${detail ? `, ${plain(detail)}` : ''}`;
      if (state !== 'waiting' && told.get(id) !== text) inv.note(text);
      told.set(id, text);
    }
    if (update.state !== 'running') break;
    await sleep(FOLLOW_MS, undefined, { signal: inv.io.signal }).catch(() => undefined);
    if (inv.io.signal.aborted) return inv.note('the update goes on; see: quorate ha show');
    const now = await inv.call(haRoutes.get, {}).catch((error: unknown) => {
      if (error instanceof ApiError && error.status > 0 && error.status < 500) throw error;
      return undefined;
    });
    if (now?.update?.id === begun.id) update = now.update;
  }
  inv.note(`update ${update.state}${update.detail ? `: ${plain(update.detail)}` : ''}`);
  if (update.state !== 'completed') inv.endWith('error');
}

export const registerHa: Register = (parent, run) => {
  const ha = parent
    .command('ha')
    .description('HA mode: system services on distinct nodes, failover, updates node by node');
  const replicas = integerBetween(3, 1_000);
  const seconds = integerBetween(10, 300);
  ha.command('show')
    .description('Settings, replicas that are about to move, the last update')
    .action(run(async (inv) => show(inv, await inv.call(haRoutes.get, {}))));
  for (const [name, enabled, description] of [
    ['enable', true, 'Switch it on; it needs three voting nodes'],
    ['disable', false, 'Switch it off'],
    ['set', undefined, 'Change its settings'],
  ] as const) {
    ha.command(name)
      .description(description)
      .option('--system-replicas <count>', 'replicas of each system service, on distinct nodes', replicas)
      .option('--failover-seconds <seconds>', 'how long a runner is offline before its replicas move', seconds)
      .action(run((inv, options: SetOptions) => change(inv, enabled, options)));
  }
  ha.command('update')
    .description('Update the nodes one by one, or go on where the last update stopped')
    .option('--from-start', 'begin with the first node again')
    .option('-f, --follow', 'stay until it is over; ends with 1 when it stopped at a node')
    .action(
      run(async (inv, { fromStart = false, follow }: { fromStart?: boolean; follow?: boolean }) => {
        await inv.confirm('Update every node, one after the other?');
        const begun = await inv.call(haRoutes.update, { body: { from_start: fromStart } });
        if (!follow) {
          showUpdate(inv, begun);
          return inv.note('see how far it is with: quorate ha show');
        }
        await followUpdate(inv, begun);
      }),
    );
  ha.command('cancel-update')
    .description('Stop the update; the node that it is at goes back into service')
    .action(run(async (inv) => showUpdate(inv, await inv.call(haRoutes.cancelUpdate, {}))));
  ha.command('failovers')
    .description('Replicas that moved since their runner failed, newest first')
    .action(
      run(async (inv) => {
        const data = await collectPages(MAX_LISTED, (query) => inv.call(haRoutes.failovers, { query }));
        const empty = 'No replica had to move.';
        inv.print(listView({ data, rows: data.items, columns: FAILOVERS, name: (f) => String(f.id), empty }));
      }),
    );
};
