import { type Snapshot, snapshotRoutes } from '@quorate/shared/snapshots';
import type { Command } from 'commander';
import { utcTime } from '../duration';
import { type Column, listView, recordView } from '../output';
import type { Run } from '../register';

const COLUMNS: readonly Column<Snapshot>[] = [
  { header: 'NODE', value: (s) => s.node_id },
  { header: 'EPOCH', value: (s) => s.epoch },
  { header: 'INDEX', value: (s) => s.index },
  { header: 'MADE', value: (s) => utcTime(s.created_at) },
  { header: 'BYTES', value: (s) => s.bytes },
  { header: 'PATH', value: (s) => s.path },
];

/** Adds `snapshot list` and `snapshot create` below `parent`. */
export function addSnapshotCommands(parent: Command, run: Run): void {
  const snapshot = parent.command('snapshot').description('Verified copies of the state that the answering node keeps');
  snapshot
    .command('list', { isDefault: true })
    .description('Those that are kept, newest first')
    .action(
      run(async (inv) => {
        const data = await inv.call(snapshotRoutes.list, {});
        const empty = 'No snapshots yet. Make one with: quorate snapshot create';
        inv.print(listView({ data, rows: data.items, columns: COLUMNS, name: (s) => s.path, empty }));
      }),
    );
  snapshot
    .command('create')
    .description('Make and verify one now')
    .action(
      run(async (inv) => {
        const data = await inv.call(snapshotRoutes.create, {});
        inv.print(
          recordView({
            data,
            name: data.path,
            fields: [
              ['path', data.path],
              ['index', `${data.index} of epoch ${data.epoch}`],
              ['bytes', data.bytes],
              ['sha256', data.sha256],
            ],
          }),
        );
      }),
    );
}
