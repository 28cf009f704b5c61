import { once } from 'node:events';
import { createReadStream, statSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { ApiError, errorOf } from '@quorate/shared/client';
import { HEADER } from '@quorate/shared/http-headers';
import {
  type RestoreOperation,
  type RestoreStage,
  restoreOperationSchema,
  restoreRoutes,
} from '@quorate/shared/restore';
import type { Command } from 'commander';
import { CliError } from '../cli-error';
import { utcTime } from '../duration';
import { exitOf } from '../exit-codes';
import type { Invocation } from '../invocation';
import { recordView } from '../output';
import type { Run } from '../register';
import { keyFileOption, withKey } from './backup-key';

const POLL_MS = 300;
/** A node that switches may be silent for a moment; one that is gone is not waited for. */
const SILENCE_MS = 60_000;

const STAGES: Record<RestoreStage, string> = {
  fetching: 'fetching the file',
  checking: 'checking the file',
  safety_backup: 'copying the present state to a safe place',
  preparing: 'bringing the file to this version',
  staging: 'staging it on the members',
  switching: 'switching every node to it',
  finishing: 'waiting for the other members',
};

const WARNING =
  'Everything that was changed since the file was made is undone, on every node. A copy of the present state is kept.';

/** Follows an operation to its end, telling each stage once. @throws CliError when it failed */
async function follow(inv: Invocation, started: RestoreOperation): Promise<void> {
  let seen: RestoreOperation = started;
  let told: RestoreStage | undefined;
  let answeredAt = performance.now();
  while (seen.state === 'running') {
    if (told !== seen.stage) inv.note(`${String(seen.percent).padStart(3)}% ${STAGES[seen.stage]}`);
    told = seen.stage;
    await sleep(POLL_MS, undefined, { signal: inv.io.signal });
    try {
      const { operation } = await inv.call(restoreRoutes.get, {});
      if (operation?.id === started.id) seen = operation;
      answeredAt = performance.now();
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) return sessionEnded(inv);
      if (!(error instanceof ApiError) || performance.now() - answeredAt > SILENCE_MS) throw error;
    }
  }
  report(inv, seen);
}

/** Sessions end only with the switch itself, so it has come that far. */
function sessionEnded(inv: Invocation): void {
  inv.warn('the restored state is in force and does not know this session; sign in with the password of that time');
}

function report(inv: Invocation, operation: RestoreOperation): void {
  const { error, file } = operation;
  if (error) {
    const before = operation.epoch === null ? 'nothing was changed: ' : '';
    throw new CliError(exitOf(error.code as ApiError['code'], 422), `${before}${error.detail}`);
  }
  inv.print(
    recordView({
      data: operation,
      name: operation.id,
      fields: [
        ['restored', operation.source],
        ['of', file ? `${utcTime(file.last_change_at)}, index ${file.index} of epoch ${file.epoch}` : null],
        ['epoch', operation.epoch],
        ['safety copy', operation.safety_backup],
        ['on node', operation.node_id],
        ['members', operation.nodes.map(({ name, state }) => `${name} ${state}`).join(', ')],
      ],
    }),
  );
}

async function uploadFile(inv: Invocation, file: string, key: string | undefined): Promise<RestoreOperation> {
  if (statSync(file, { throwIfNoEntry: false })?.isDirectory()) {
    throw new CliError('usage', `${file} is a directory; name the file of a backup, or a state.db`);
  }
  const stream = createReadStream(file);
  await once(stream, 'open').catch((error: unknown) => {
    const why = error instanceof Error ? error.message : String(error);
    throw new CliError('usage', `${file} cannot be read: ${why}`);
  });
  const query = new URLSearchParams({ name: basename(file) });
  const headers = {
    'content-type': 'application/octet-stream',
    accept: 'application/json',
    ...(key === undefined ? {} : { [HEADER.backupKey]: Buffer.from(key).toString('base64url') }),
  };
  const body = Readable.toWeb(stream) as ReadableStream<Uint8Array>;
  const response = await inv.open(`${restoreRoutes.upload.path}?${query}`, headers, body);
  if (!response.ok) throw await errorOf(response);
  return restoreOperationSchema.parse(await response.json());
}

interface RestoreOptions {
  file?: string;
  keyFile?: string;
}

const keyBody = (key: string | undefined) => (key === undefined ? {} : { key });

/** `backup restore`, below the noun `backup`. */
export function addRestoreCommand(backup: Command, run: Run): void {
  backup
    .command('restore')
    .description('Put a backup, or a state file, in place of the state of the whole cluster, without a restart')
    .argument('[id]', 'the backup')
    .option('--file <file>', 'a state file on this machine instead of a backup')
    .addOption(keyFileOption())
    .action(
      run(async (inv, id: string | undefined, { file, keyFile }: RestoreOptions) => {
        if ((id === undefined) === (file === undefined)) {
          throw new CliError('usage', 'give either the id of a backup or --file', {
            hint: 'list the backups with: quorate backup list',
          });
        }
        inv.note(WARNING);
        await inv.confirm(`Restore ${file ?? `backup ${id}`}?`);
        const started = await withKey(inv, keyFile, (key) =>
          file === undefined
            ? inv.call(restoreRoutes.fromBackup, { params: { id: id ?? '' }, body: keyBody(key) })
            : uploadFile(inv, file, key),
        );
        return follow(inv, started);
      }),
    );
}

/** What only the host of a node may ask for, below `agent cluster`. */
export function addAgentRestoreCommands(cluster: Command, run: Run): void {
  cluster
    .command('init')
    .description('Turn this single node into a Raft cluster of one voter; done already changes nothing')
    .action(
      run(async (inv) => {
        const data = await inv.call(restoreRoutes.initCluster, {});
        const fields: [string, string][] = [
          ['cluster', data.name],
          ['mode', data.mode],
        ];
        inv.print(recordView({ data, name: data.name, fields }));
      }),
    );
  cluster
    .command('init-from-db')
    .description('Make this fresh node a cluster of its own with the content of a state file, of whichever cluster')
    .argument('<file>', 'a backup or a state.db on this host')
    .addOption(keyFileOption())
    .action(
      run(async (inv, file: string, { keyFile }: { keyFile?: string }) => {
        const body = (key: string | undefined) => ({ path: resolve(file), ...keyBody(key) });
        await follow(
          inv,
          await withKey(inv, keyFile, (key) => inv.call(restoreRoutes.initFromFile, { body: body(key) })),
        );
      }),
    );
  cluster
    .command('restore-from-db')
    .description('Put a state file of this cluster in place of its state, on every node, without a restart')
    .argument('<file>', 'a backup or a state.db on this host')
    .addOption(keyFileOption())
    .action(
      run(async (inv, file: string, { keyFile }: { keyFile?: string }) => {
        inv.note(WARNING);
        await inv.confirm(`Restore ${file}?`);
        const body = (key: string | undefined) => ({ path: resolve(file), ...keyBody(key) });
        await follow(inv, await withKey(inv, keyFile, (key) => inv.call(restoreRoutes.fromFile, { body: body(key) })));
      }),
    );
}
