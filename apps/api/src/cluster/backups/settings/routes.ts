import { randomBytes } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import { backupRoutes } from '@quorate/shared/backups';
import { asc, gt } from 'drizzle-orm';
import { DomainError } from '../../../commands/domain-error';
import { type Endpoint, endpoint, ifMatchOf, type RequestContext } from '../../../http/endpoint';
import { pageOf, textCursor } from '../../../http/page';
import type { Clock } from '../../../lib/clock';
import { uuidv7 } from '../../../lib/ids';
import { checkSchedule } from '../../../reconcile/cron';
import { checkRecipients } from '../age';
import { type BackupFiles, targetSecretName } from '../files';
import type { LocalStorage } from '../local-storage';
import { PASSPHRASE_NAME } from '../maker';
import { findTarget } from '../queries';
import { backupTargets } from '../table';
import { viewEncryption, viewSchedule, viewTarget } from '../view';
import {
  createTarget,
  deleteTarget,
  encryptionEtag,
  scheduleEtag,
  setEncryption,
  setSchedule,
  updateTarget,
} from './commands';

export interface SettingsEndpointDeps {
  readonly clock: Clock;
  readonly files: BackupFiles;
  readonly local: LocalStorage;
  /** Encrypts a secret under the cluster key, bound to its name. */
  readonly seal: (name: string, plaintext: string) => Promise<string>;
}

const TEST_BYTES = 1024;

/** Writes, reads and deletes a small file at a target. @throws DomainError backup_unavailable */
async function tryTarget({ files, local }: SettingsEndpointDeps, target: string): Promise<void> {
  const name = `quorate-test-${uuidv7()}`;
  const path = local.working(uuidv7(), '.test');
  const sent = randomBytes(TEST_BYTES);
  await mkdir(local.directory, { recursive: true, mode: 0o700 });
  await writeFile(path, sent, { mode: 0o600 });
  try {
    await files.withStorage(target, async (storage) => {
      await storage.put(name, path, async () => {});
      const { stream } = await storage.get(name);
      const got = await buffer(stream as never);
      await storage.remove(name);
      if (!got.equals(sent)) throw new DomainError('backup_unavailable', 'what was read is not what was written');
    });
  } finally {
    await rm(path, { force: true });
  }
}

export function backupSettingsEndpoints(deps: SettingsEndpointDeps): Endpoint[] {
  const { clock, seal } = deps;
  const showSchedule = (ctx: RequestContext) => {
    ctx.setHeader('etag', scheduleEtag(ctx.db));
    return viewSchedule(ctx.db, clock());
  };
  const showEncryption = (ctx: RequestContext) => {
    ctx.setHeader('etag', encryptionEtag(ctx.db));
    return viewEncryption(ctx.db);
  };
  return [
    endpoint(backupRoutes.schedule, showSchedule),
    endpoint(backupRoutes.setSchedule, async (ctx, { body }) => {
      const { cron, time_zone: timeZone, keep_count: keepCount, keep_days: keepDays, enabled, target } = body;
      checkSchedule(cron, timeZone, clock());
      const ifMatch = ifMatchOf(ctx);
      await ctx.propose(setSchedule, { enabled, cron, timeZone, target, keepCount, keepDays, ifMatch });
      return showSchedule(ctx);
    }),
    endpoint(backupRoutes.encryption, showEncryption),
    endpoint(backupRoutes.setEncryption, async (ctx, { body }) => {
      const { mode, passphrase, recipients } = body;
      checkRecipients(recipients);
      const sealed = passphrase === undefined ? null : await seal(PASSPHRASE_NAME, passphrase);
      const keys = mode === 'recipients' ? recipients : [];
      await ctx.propose(setEncryption, { mode, recipients: keys, passphraseJwe: sealed, ifMatch: ifMatchOf(ctx) });
      return showEncryption(ctx);
    }),
    endpoint(backupRoutes.targets, (ctx, { query }) => {
      const rows = ctx.db
        .select()
        .from(backupTargets)
        .where(gt(backupTargets.name, textCursor(query.cursor)))
        .orderBy(asc(backupTargets.name))
        .limit(query.limit + 1)
        .all();
      return pageOf(
        ctx,
        backupRoutes.targets.path,
        rows,
        query.limit,
        (row) => row.name,
        (row) => viewTarget(ctx.db, row),
      );
    }),
    endpoint(backupRoutes.createTarget, async (ctx, { body }) => {
      const { access_key_id: accessKeyId, secret_access_key: secret, ...rest } = body;
      const id = uuidv7();
      const secretJwe = await seal(targetSecretName(id), secret);
      const made = await ctx.propose(createTarget, { id, ...rest, accessKeyId, secretJwe });
      return viewTarget(ctx.db, findTarget(ctx.db, made.id));
    }),
    endpoint(backupRoutes.updateTarget, async (ctx, { params, body }) => {
      const { access_key_id: accessKeyId, secret_access_key: secret, ...rest } = body;
      const { id } = params;
      await ctx.propose(updateTarget, {
        id,
        ...rest,
        ...(accessKeyId === undefined ? {} : { accessKeyId }),
        ...(secret === undefined ? {} : { secretJwe: await seal(targetSecretName(id), secret) }),
      });
      return viewTarget(ctx.db, findTarget(ctx.db, id));
    }),
    endpoint(backupRoutes.removeTarget, async (ctx, { params, query }) => {
      await ctx.propose(deleteTarget, { id: params.id, forget: query.forget });
    }),
    endpoint(backupRoutes.testTarget, (ctx, { params }) => {
      const test = async () => {
        const { id } = findTarget(ctx.db, params.id);
        const startedAt = performance.now();
        const error = await tryTarget(deps, id).then(
          () => '',
          (failure: unknown) => {
            if (failure instanceof DomainError) return failure.message;
            throw failure;
          },
        );
        return { ok: error === '', error, duration_ms: Math.round(performance.now() - startedAt) };
      };
      return ctx.once(test, { harmless: true });
    }),
  ];
}
