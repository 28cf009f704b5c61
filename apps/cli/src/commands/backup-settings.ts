import {
  type BackupEncryption,
  type BackupSchedule,
  type BackupTarget,
  backupRoutes,
  LOCAL_TARGET,
} from '@quorate/shared/backups';
import type { Command } from 'commander';
import { CliError } from '../cli-error';
import { relativeTime } from '../duration';
import { collect, integerBetween } from '../globals';
import type { Invocation } from '../invocation';
import { type Column, listView, recordView } from '../output';
import { collectPages, MAX_LISTED, type Run } from '../register';
import { readSecret } from '../secrets';

const COLUMNS: readonly Column<BackupTarget>[] = [
  { header: 'NAME', value: (t) => t.name },
  { header: 'ENDPOINT', value: (t) => t.endpoint },
  { header: 'REGION', value: (t) => t.region },
  { header: 'BUCKET', value: (t) => t.bucket },
  { header: 'PREFIX', value: (t) => t.prefix },
  { header: 'BACKUPS', value: (t) => t.backups },
  { header: 'ID', value: (t) => t.id },
];

const listTargets = (inv: Invocation) => collectPages(MAX_LISTED, (query) => inv.call(backupRoutes.targets, { query }));

export async function findTarget(inv: Invocation, nameOrId: string): Promise<BackupTarget> {
  const { items } = await listTargets(inv);
  const found = items.find((item) => item.id === nameOrId || item.name === nameOrId);
  if (found) return found;
  const hint = 'list them with: quorate backup target list';
  throw new CliError('notFound', `there is no backup target '${nameOrId}'`, { hint });
}

function showSchedule(inv: Invocation, data: BackupSchedule, targets: readonly BackupTarget[]): void {
  const where = targets.find(({ id }) => id === data.target)?.name ?? data.target;
  inv.print(
    recordView({
      data,
      name: data.enabled ? data.cron : 'off',
      fields: [
        ['enabled', data.enabled ? 'yes' : 'no'],
        ['cron', data.cron],
        ['time zone', data.time_zone],
        ['target', where],
        ['keep', data.keep_count === 0 ? 'all' : data.keep_count],
        ['keep days', data.keep_days === 0 ? 'for ever' : data.keep_days],
        ['next run', data.next_run_at === null ? null : relativeTime(data.next_run_at, Date.now())],
        ['last run', data.last_due_at === null ? null : relativeTime(data.last_due_at, Date.now())],
        ['missed runs', data.missed_runs],
      ],
    }),
  );
}

interface ScheduleOptions {
  cron?: string;
  timeZone?: string;
  target?: string;
  keep?: number;
  keepDays?: number;
}

/** Changes what is given and leaves the rest as it is. */
async function changeSchedule(inv: Invocation, enabled: boolean, options: ScheduleOptions): Promise<void> {
  const { data: now, headers } = await inv.callFull(backupRoutes.schedule, {});
  const etag = headers.get('etag');
  const { target = now.target } = options;
  const data = await inv.call(backupRoutes.setSchedule, {
    body: {
      enabled,
      cron: options.cron ?? now.cron,
      time_zone: options.timeZone ?? now.time_zone,
      target: target === LOCAL_TARGET || target === now.target ? target : (await findTarget(inv, target)).id,
      keep_count: options.keep ?? now.keep_count,
      keep_days: options.keepDays ?? now.keep_days,
    },
    ...(etag === null ? {} : { headers: { 'if-match': etag } }),
  });
  showSchedule(inv, data, (await listTargets(inv)).items);
}

export function addBackupSettings(backup: Command, run: Run): void {
  const schedule = backup.command('schedule').description('When backups are made by themselves');
  schedule
    .command('show', { isDefault: true })
    .description('Schedule, retention, and the next run')
    .action(
      run(async (inv) => {
        const [data, targets] = await Promise.all([inv.call(backupRoutes.schedule, {}), listTargets(inv)]);
        showSchedule(inv, data, targets.items);
      }),
    );
  schedule
    .command('set')
    .description('Make backups by themselves; what is not given stays as it is')
    .option('--cron <expression>', 'such as "0 3 * * *": each night at three')
    .option('--time-zone <zone>', 'IANA name, such as Europe/Vienna')
    .option('--target <target>', 'local, or name or id of a target')
    .option('--keep <count>', 'scheduled backups to keep; 0 keeps all', integerBetween(0, 1000))
    .option('--keep-days <days>', 'delete scheduled backups after so many days; 0 never', integerBetween(0, 3650))
    .action(run((inv, options: ScheduleOptions) => changeSchedule(inv, true, options)));
  schedule
    .command('off')
    .description('Make none by themselves')
    .action(run((inv) => changeSchedule(inv, false, {})));
  addEncryption(backup, run);
  addTargets(backup, run);
}

function showEncryption(inv: Invocation, data: BackupEncryption): void {
  const fields: [string, string | null][] = [
    ['mode', data.mode],
    ['passphrase', data.passphrase_set ? 'set' : null],
    ['recipients', data.recipients.join(', ') || null],
  ];
  inv.print(recordView({ data, name: data.mode, fields }));
}

function addEncryption(backup: Command, run: Run): void {
  const encryption = backup.command('encryption').description('How new backups are encrypted');
  encryption
    .command('show', { isDefault: true })
    .description('The way that is set')
    .action(run(async (inv) => showEncryption(inv, await inv.call(backupRoutes.encryption, {}))));
  encryption
    .command('passphrase')
    .description('Encrypt new backups with a passphrase')
    .option('--passphrase-file <file>', 'file with it; "-" is standard input')
    .action(
      run(async (inv, { passphraseFile: file }: { passphraseFile?: string }) => {
        const source = { what: 'passphrase', fileOption: '--passphrase-file', file, repeat: true };
        const passphrase = await readSecret(inv.io, inv.warn, source);
        showEncryption(inv, await inv.call(backupRoutes.setEncryption, { body: { mode: 'passphrase', passphrase } }));
        inv.note('Keep the passphrase elsewhere too: without it nobody can restore these backups.');
      }),
    );
  encryption
    .command('recipients')
    .description('Encrypt new backups to age public keys')
    .requiredOption('--recipient <key>', 'age1…, as age-keygen prints it; repeatable', collect)
    .action(
      run(async (inv, { recipient: recipients }: { recipient: string[] }) => {
        showEncryption(inv, await inv.call(backupRoutes.setEncryption, { body: { mode: 'recipients', recipients } }));
        inv.note('Keep the identities safe: without one of them nobody can restore these backups.');
      }),
    );
  encryption
    .command('off')
    .description('Do not encrypt new backups')
    .action(
      run(async (inv) => {
        await inv.confirm('Store new backups unencrypted?');
        showEncryption(inv, await inv.call(backupRoutes.setEncryption, { body: { mode: 'none' } }));
      }),
    );
}

interface TargetOptions {
  endpoint?: string;
  region?: string;
  bucket?: string;
  prefix?: string;
  accessKeyId?: string;
  secretFile?: string;
  name?: string;
}

const readTargetSecret = (inv: Invocation, file: string | undefined): Promise<string> =>
  readSecret(inv.io, inv.warn, { what: 'secret access key', fileOption: '--secret-file', file });

const definedOf = ({ secretFile: _secret, accessKeyId, ...options }: TargetOptions) => ({
  ...options,
  ...(accessKeyId === undefined ? {} : { access_key_id: accessKeyId }),
});

function addTargets(backup: Command, run: Run): void {
  const target = backup.command('target').description('S3-compatible places for backups');
  target
    .command('list', { isDefault: true })
    .description('All targets, without their secrets')
    .action(
      run(async (inv) => {
        const data = await listTargets(inv);
        const empty = 'No targets. Add one with: quorate backup target add NAME --endpoint URL --bucket NAME …';
        inv.print(listView({ data, rows: data.items, columns: COLUMNS, name: (t) => t.name, empty }));
      }),
    );
  target
    .command('add')
    .description('Add an S3-compatible target')
    .argument('<name>', 'what to call it')
    .requiredOption('--endpoint <url>', 'URL of the service, without the bucket')
    .requiredOption('--bucket <bucket>', 'the bucket, which exists')
    .requiredOption('--access-key-id <id>', 'the key that may list, read, write and delete there')
    .option('--secret-file <file>', 'file with its secret; "-" is standard input')
    .option('--region <region>', 'region (default: us-east-1)')
    .option('--prefix <prefix>', 'put before the name of each file, such as quorate/')
    .action(
      run(async (inv, name: string, options: Required<TargetOptions>) => {
        const secret = await readTargetSecret(inv, options.secretFile);
        const { endpoint, bucket, accessKeyId: access_key_id } = options;
        const body = { ...definedOf(options), name, endpoint, bucket, access_key_id, secret_access_key: secret };
        const data = await inv.call(backupRoutes.createTarget, { body });
        inv.print({
          data,
          names: [data.id],
          text: () => `The target ${name} was added. Try it: quorate backup target test ${name}`,
        });
      }),
    );
  target
    .command('update')
    .description('Change a target')
    .argument('<target>', 'name or id')
    .option('--name <name>', 'another name')
    .option('--endpoint <url>', 'another URL')
    .option('--bucket <bucket>', 'another bucket')
    .option('--region <region>', 'another region')
    .option('--prefix <prefix>', 'another prefix')
    .option('--access-key-id <id>', 'another key')
    .option('--secret-file <file>', 'file with the secret of the key; "-" is standard input')
    .action(
      run(async (inv, nameOrId: string, options: TargetOptions) => {
        const { id, name } = await findTarget(inv, nameOrId);
        const { secretFile } = options;
        const secret = secretFile === undefined ? {} : { secret_access_key: await readTargetSecret(inv, secretFile) };
        const body = { ...definedOf(options), ...secret };
        if (Object.keys(body).length === 0) throw new CliError('usage', 'nothing to change was given');
        await inv.call(backupRoutes.updateTarget, { params: { id }, body });
        inv.note(`The target ${name} was changed.`);
      }),
    );
  addTargetChecks(target, run);
}

function addTargetChecks(target: Command, run: Run): void {
  target
    .command('test')
    .description('Write, read and delete a small object')
    .argument('<target>', 'name or id')
    .action(
      run(async (inv, nameOrId: string) => {
        const { id } = await findTarget(inv, nameOrId);
        const data = await inv.call(backupRoutes.testTarget, { params: { id } });
        const text = data.ok ? `It works: ${data.duration_ms} ms.` : `It does not work: ${data.error}`;
        inv.print({ data, names: [data.ok ? 'ok' : 'failed'], text: () => text });
        if (!data.ok) inv.endWith('error');
      }),
    );
  target
    .command('delete')
    .description('Remove a target that nothing uses')
    .argument('<target>', 'name or id')
    .option('--forget', 'forget its backups as well; their files stay in the bucket')
    .action(
      run(async (inv, nameOrId: string, options: { forget?: boolean }) => {
        const { id, name, backups } = await findTarget(inv, nameOrId);
        await inv.confirm(`Remove the target ${name}${options.forget ? ` and forget its ${backups} backups` : ''}?`);
        const query = { forget: options.forget ? 'true' : 'false' };
        await inv.call(backupRoutes.removeTarget, { params: { id }, query });
        inv.note(`The target ${name} was removed.`);
      }),
    );
}
