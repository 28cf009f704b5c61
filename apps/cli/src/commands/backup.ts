import { createHash } from 'node:crypto';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream } from 'node:stream/web';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  BACKUP_KINDS,
  BACKUP_STATES,
  type Backup,
  type BackupKind,
  type BackupState,
  backupRoutes,
  LOCAL_TARGET,
} from '@quorate/shared/backups';
import { ApiError, errorOf } from '@quorate/shared/client';
import { type Command, Option } from 'commander';
import { CliError } from '../cli-error';
import { relativeTime, utcTime } from '../duration';
import { exitOf } from '../exit-codes';
import { saveStream } from '../files';
import { integerBetween, uuidArgument } from '../globals';
import type { Invocation } from '../invocation';
import { type Column, listView, recordView } from '../output';
import { collectPages, MAX_LISTED, type Register, type Run } from '../register';
import { keyFileOption, withKey } from './backup-key';
import { addBackupSettings, findTarget } from './backup-settings';
import { addRestoreCommand } from './restore';

const POLL_MS = 300;
/** A node that fails over may be silent for a moment; one that is gone is not waited for. */
const SILENCE_MS = 60_000;

const sizeText = (bytes: number | null): string | null => {
  if (bytes === null) return null;
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = Math.min(units.length - 1, Math.floor(Math.log2(Math.max(1, bytes)) / 10));
  return `${(bytes / 1024 ** power).toFixed(power === 0 ? 0 : 1)} ${units[power]}`;
};

const stateText = (backup: Backup): string => {
  if (backup.state === 'running') return `${backup.stage} ${backup.percent}%`;
  if (backup.state !== 'completed') return backup.state;
  const { state } = backup.verification;
  if (state === 'failed') return 'DAMAGED';
  return state === 'running' ? 'verifying' : 'completed';
};

const COLUMNS: readonly Column<Backup>[] = [
  { header: 'ID', value: (b) => b.id },
  { header: 'MADE', value: (b) => relativeTime(b.created_at, Date.now()) },
  { header: 'KIND', value: (b) => b.kind },
  {
    header: 'STATE',
    value: stateText,
    paint: (text, b, colors) => {
      if (b.state === 'failed' || b.verification.state === 'failed') return colors.red(text);
      return b.state === 'completed' ? colors.green(text) : text;
    },
  },
  { header: 'INDEX', value: (b) => b.index },
  { header: 'SIZE', value: (b) => sizeText(b.bytes) },
  { header: 'ENCRYPTED', value: (b) => (b.encryption === 'none' ? 'no' : b.encryption) },
  { header: 'WHERE', value: (b) => (b.target === LOCAL_TARGET ? `node ${b.node_id}` : b.target_name) },
];

const show = (inv: Invocation, data: Backup): void =>
  inv.print(
    recordView({
      data,
      name: data.id,
      fields: [
        ['id', data.id],
        ['file', data.file],
        ['kind', data.kind],
        ['state', stateText(data)],
        ['error', data.error?.detail ?? null],
        ['where', data.target === LOCAL_TARGET ? `disk of node ${data.node_id}` : data.target_name],
        ['holds', data.index === null ? null : `index ${data.index} of epoch ${data.epoch}`],
        ['last change', data.last_change_at === null ? null : utcTime(data.last_change_at)],
        ['size', sizeText(data.bytes)],
        ['sha256', data.sha256],
        ['encrypted', data.encryption],
        ['verified', `${data.verification.state} ${data.verification.detail}`.trim()],
        ['asked for by', data.requested_by],
        ['note', data.note || null],
      ],
    }),
  );

const getBackup = (inv: Invocation, id: string) => inv.call(backupRoutes.get, { params: { id } });

/** Asks again until `ended`. @throws ApiError, CliError when the node stays silent */
async function follow(inv: Invocation, first: Backup, ended: (backup: Backup) => boolean): Promise<Backup> {
  let seen = first;
  let told = '';
  let answeredAt = performance.now();
  while (!ended(seen)) {
    const line = stateText(seen);
    if (line !== told) inv.note(line);
    told = line;
    await sleep(POLL_MS, undefined, { signal: inv.io.signal });
    try {
      seen = await getBackup(inv, first.id);
      answeredAt = performance.now();
    } catch (error) {
      const passing = error instanceof ApiError && (error.status === 0 || error.status >= 500);
      if (!passing || performance.now() - answeredAt > SILENCE_MS) throw error;
    }
  }
  return seen;
}

interface CreateOptions {
  target?: string;
  node?: number;
  note?: string;
  wait: boolean;
}

/** `create` below `parent`, or what `parent` itself does. */
function asCreate(command: Command, run: Run): void {
  command
    .description('Make a backup of the state now and wait for it')
    .option('--target <target>', 'local (the disk of the node), or name or id of a target', LOCAL_TARGET)
    .option('--node <id>', 'the node that makes it (default: the one that answers)', integerBetween(1, 63))
    .option('--note <text>', 'what it is for')
    .option('--no-wait', 'end as soon as it is queued')
    .action(
      run(async (inv, options: CreateOptions) => {
        const { target = LOCAL_TARGET, node, note, wait } = options;
        const started = await inv.call(backupRoutes.create, {
          body: {
            target: target === LOCAL_TARGET ? target : (await findTarget(inv, target)).id,
            ...(node === undefined ? {} : { node_id: node }),
            ...(note === undefined ? {} : { note }),
          },
        });
        const isOver = (backup: Backup): boolean => !['queued', 'running'].includes(backup.state);
        const made = wait ? await follow(inv, started, isOver) : started;
        show(inv, made);
        if (made.error) throw new CliError(exitOf(made.error.code as ApiError['code'], 500), made.error.detail);
      }),
    );
}

export const addAgentBackup = (agent: Command, run: Run): void => asCreate(agent.command('backup'), run);

export const registerBackup: Register = (program, run) => {
  const backup = program.command('backup').description('Backups of the state: make, keep, check, restore');
  asCreate(backup.command('create'), run);
  backup
    .command('list')
    .description('Backups, newest first')
    .addOption(new Option('--state <state>', 'only this state').choices(BACKUP_STATES))
    .addOption(new Option('--kind <kind>', 'only this kind').choices(BACKUP_KINDS))
    .option('--limit <count>', 'how many to show', integerBetween(1, MAX_LISTED), 50)
    .action(
      run(async (inv, { limit, ...filter }: { limit: number; state?: BackupState; kind?: BackupKind }) => {
        const data = await collectPages(limit, (query) =>
          inv.call(backupRoutes.list, { query: { ...query, ...filter } }),
        );
        const empty = 'No backups. Make one with: quorate backup create';
        inv.print(listView({ data, rows: data.items, columns: COLUMNS, name: (b) => b.id, empty }));
      }),
    );
  backup
    .command('show')
    .description('One backup')
    .argument('<id>', 'the backup', uuidArgument)
    .action(run(async (inv, id: string) => show(inv, await getBackup(inv, id))));
  addFileCommands(backup, run);
  addRestoreCommand(backup, run);
  addBackupSettings(backup, run);
};

function addFileCommands(backup: Command, run: Run): void {
  backup
    .command('download')
    .description('Save the file of a backup and check it')
    .argument('<id>', 'the backup', uuidArgument)
    .option('--out <file>', 'where to; "-" is standard output (default: its own name)')
    .action(run((inv, id: string, options: { out?: string }) => download(inv, id, options.out)));
  backup
    .command('verify')
    .description('Read a stored backup back: checksum, and what is in it')
    .argument('<id>', 'the backup', uuidArgument)
    .addOption(keyFileOption())
    .action(
      run(async (inv, id: string, { keyFile }: { keyFile?: string }) => {
        const started = await withKey(inv, keyFile, (key) =>
          inv.call(backupRoutes.verify, { params: { id }, body: key === undefined ? {} : { key } }),
        );
        const seen = await follow(inv, started, (one) => one.verification.state !== 'running');
        show(inv, seen);
        if (['failed', 'none'].includes(seen.verification.state)) inv.endWith('error');
      }),
    );
  backup
    .command('delete')
    .description('Delete a backup with its file')
    .argument('<id>', 'the backup', uuidArgument)
    .action(
      run(async (inv, id: string) => {
        const { file, target_name: where } = await getBackup(inv, id);
        await inv.confirm(`Delete ${file} on ${where}?`);
        await inv.call(backupRoutes.remove, { params: { id } });
        inv.note(`The backup ${file} was deleted.`);
      }),
    );
}

async function download(inv: Invocation, id: string, out: string | undefined): Promise<void> {
  const { file, sha256 } = await getBackup(inv, id);
  const path = backupRoutes.content.path.replace('{id}', id);
  const response = await inv.open(path, { accept: 'application/octet-stream' });
  if (!response.ok || !response.body) throw await errorOf(response);
  const hash = createHash('sha256');
  const hashed = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      done(null, chunk);
    },
    flush(done) {
      const ok = hash.digest('hex') === sha256;
      done(ok ? null : new CliError('error', 'what arrived does not match the checksum of the backup; try again'));
    },
  });
  const body = Readable.fromWeb(response.body as unknown as ReadableStream);
  if (out === '-') {
    await pipeline(body, hashed, inv.io.stdout, { end: false });
    return;
  }
  // The server names it, but it goes nowhere else.
  const to = out ?? file.replaceAll(/[^\w.-]/g, '_');
  await saveStream(to, body, hashed);
  inv.print({ data: { file: to, sha256 }, names: [to], text: () => to });
  inv.note('It holds password hashes and encrypted keys: keep it as a secret.');
}
