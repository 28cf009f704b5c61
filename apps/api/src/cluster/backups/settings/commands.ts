import { BACKUP_ENCRYPTIONS, LOCAL_TARGET } from '@quorate/shared/backups';
import { and, eq, inArray, ne } from 'drizzle-orm';
import { z } from 'zod';
import { defineCommand } from '../../../commands/define-command';
import { DomainError } from '../../../commands/domain-error';
import { ifMatchField, requireMatch } from '../../../commands/precondition';
import type { StateDb } from '../../../db/state-store';
import { sha256Hex } from '../../../lib/hash';
import { requireSealed } from '../../../resources/setup/sealed';
import { countBackupsAt, countRows, currentSettings, findTarget, type SettingsRow } from '../queries';
import { backupSettings, backups, backupTargets } from '../table';

const MAX_TARGETS = 20;

function saveSettings(tx: StateDb, change: Partial<SettingsRow>): void {
  const row = { ...currentSettings(tx), ...change };
  tx.insert(backupSettings).values(row).onConflictDoUpdate({ target: backupSettings.id, set: row }).run();
}

const etagOf = (parts: readonly unknown[]): string => `"${sha256Hex(JSON.stringify(parts)).slice(0, 32)}"`;

export function scheduleEtag(db: StateDb): string {
  const { enabled, cron, timeZone, target, keepCount, keepDays } = currentSettings(db);
  return etagOf([enabled, cron, timeZone, target, keepCount, keepDays]);
}

export function encryptionEtag(db: StateDb): string {
  const { encryption, recipients, passphraseJwe } = currentSettings(db);
  return etagOf([encryption, recipients, passphraseJwe]);
}

export const setSchedule = defineCommand({
  type: 'backups.set_schedule',
  since: 1,
  input: z.object({
    enabled: z.boolean(),
    cron: z.string().max(120),
    timeZone: z.string().max(64),
    target: z.string(),
    keepCount: z.int().min(0),
    keepDays: z.int().min(0),
    ifMatch: ifMatchField,
  }),
  target: () => 'backups/schedule',
  apply(tx, { ifMatch, ...input }, ctx) {
    requireMatch(ifMatch, scheduleEtag(tx));
    if (input.target !== LOCAL_TARGET) findTarget(tx, input.target);
    const before = currentSettings(tx);
    const moved = before.cron !== input.cron || before.timeZone !== input.timeZone || before.enabled !== input.enabled;
    // A new schedule owes nothing for the time before it.
    const anew = moved ? { revision: before.revision + 1, doneUntil: ctx.at, missedRuns: 0 } : {};
    saveSettings(tx, { ...input, ...anew });
    const what = input.enabled ? `"${input.cron}" (${input.timeZone})` : 'off';
    ctx.event('backup.settings_changed', `${ctx.actor.name} set the schedule of backups: ${what}`);
  },
});

export const setEncryption = defineCommand({
  type: 'backups.set_encryption',
  since: 1,
  input: z.object({
    mode: z.enum(BACKUP_ENCRYPTIONS),
    recipients: z.array(z.string()).max(16),
    /** Null keeps the present one. */
    passphraseJwe: z.string().nullable(),
    ifMatch: ifMatchField,
  }),
  target: () => 'backups/encryption',
  apply(tx, { mode, recipients, passphraseJwe, ifMatch }, ctx) {
    requireMatch(ifMatch, encryptionEtag(tx));
    if (passphraseJwe !== null) requireSealed(tx, passphraseJwe);
    const kept = passphraseJwe ?? currentSettings(tx).passphraseJwe;
    const refuse = (pointer: string, detail: string): DomainError =>
      new DomainError('validation_failed', detail, [{ pointer, detail }]);
    if (mode === 'passphrase' && kept === null) throw refuse('/passphrase', 'give a passphrase: none is stored yet');
    if (mode === 'recipients' && recipients.length === 0) throw refuse('/recipients', 'give at least one public key');
    saveSettings(tx, {
      encryption: mode,
      recipients: JSON.stringify(recipients),
      passphraseJwe: mode === 'passphrase' ? kept : null,
    });
    const how = { none: 'not encrypted', passphrase: 'encrypted with a passphrase', recipients: 'encrypted to keys' };
    ctx.event('backup.settings_changed', `${ctx.actor.name} decided that new backups are ${how[mode]}`, { mode });
  },
});

function checkName(tx: StateDb, name: string, ownId: string): void {
  const other = tx
    .select({ id: backupTargets.id })
    .from(backupTargets)
    .where(and(eq(backupTargets.name, name), ne(backupTargets.id, ownId)))
    .get();
  if (!other) return;
  const errors = [{ pointer: '/name', detail: 'already in use' }];
  throw new DomainError('name_taken', `a backup target named ${name} exists already`, errors);
}

const target = z.object({
  name: z.string(),
  endpoint: z.string(),
  region: z.string(),
  bucket: z.string(),
  prefix: z.string(),
  accessKeyId: z.string(),
  secretJwe: z.string(),
});

export const createTarget = defineCommand({
  type: 'backups.create_target',
  since: 1,
  input: target.extend({ id: z.uuid() }),
  target: (input) => input.name,
  apply(tx, input, ctx) {
    requireSealed(tx, input.secretJwe);
    checkName(tx, input.name, input.id);
    if (countRows(tx, backupTargets) >= MAX_TARGETS) {
      throw new DomainError('conflict', `there are ${MAX_TARGETS} targets already; delete one`);
    }
    tx.insert(backupTargets)
      .values({ ...input, createdAt: ctx.at })
      .run();
    ctx.event('backup.settings_changed', `${ctx.actor.name} added the backup target ${input.name}`, {
      target: input.id,
    });
    return { id: input.id };
  },
});

export const updateTarget = defineCommand({
  type: 'backups.update_target',
  since: 1,
  input: target.partial().extend({ id: z.uuid() }),
  target: (input) => input.id,
  apply(tx, { id, ...change }, ctx) {
    if (change.secretJwe !== undefined) requireSealed(tx, change.secretJwe);
    const before = findTarget(tx, id);
    if (change.name !== undefined) checkName(tx, change.name, id);
    const moved = (['endpoint', 'bucket', 'prefix'] as const).find(
      (key) => change[key] !== undefined && change[key] !== before[key],
    );
    const stored = countBackupsAt(tx, id);
    if (moved && stored > 0) {
      const cure = 'add another target instead';
      throw new DomainError('conflict', `${moved} cannot change: ${stored} backups would not be found again; ${cure}`);
    }
    if (Object.keys(change).length === 0) return;
    tx.update(backupTargets).set(change).where(eq(backupTargets.id, id)).run();
    const name = change.name ?? before.name;
    ctx.event('backup.settings_changed', `${ctx.actor.name} changed the backup target ${name}`, { target: id });
  },
});

export const deleteTarget = defineCommand({
  type: 'backups.delete_target',
  since: 1,
  input: z.object({ id: z.uuid(), forget: z.boolean() }),
  target: (input) => input.id,
  apply(tx, { id, forget }, ctx) {
    const { name } = findTarget(tx, id);
    if (currentSettings(tx).target === id) {
      throw new DomainError('conflict', `the schedule stores its backups at ${name}; give it another target first`);
    }
    const ofTarget = eq(backups.target, id);
    const open = countRows(tx, backups, and(ofTarget, inArray(backups.state, ['queued', 'running'])));
    if (open > 0) throw new DomainError('conflict', `${open} backups are being stored there; wait for them`, [], 5);
    const stored = countBackupsAt(tx, id);
    if (stored > 0 && !forget) {
      const cure = 'delete them first, or forget them (forget=true, --forget), which leaves their files there';
      throw new DomainError(
        'conflict',
        `${stored === 1 ? '1 backup is' : `${stored} backups are`} stored at ${name}; ${cure}`,
      );
    }
    tx.delete(backups).where(ofTarget).run();
    tx.delete(backupTargets).where(eq(backupTargets.id, id)).run();
    ctx.event('backup.settings_changed', `${ctx.actor.name} removed the backup target ${name}`, { target: id });
  },
});

export const backupSettingsCommands = [setSchedule, setEncryption, createTarget, updateTarget, deleteTarget];
