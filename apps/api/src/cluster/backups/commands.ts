import { BACKUP_ENCRYPTIONS, BACKUP_STAGES, BACKUP_VERIFICATIONS, LOCAL_TARGET } from '@quorate/shared/backups';
import { and, desc, eq, inArray } from 'drizzle-orm';
import { z } from 'zod';
import { type ApplyContext, defineCommand } from '../../commands/define-command';
import { DomainError } from '../../commands/domain-error';
import type { StateDb } from '../../db/state-store';
import { clusterInfo } from '../../resources/setup/table';
import { liveMembers } from '../members/admission';
import {
  type BackupRow,
  backupsIn,
  countRows,
  currentSettings,
  fileNameOf,
  findBackup,
  findTarget,
  targetName,
} from './queries';
import { backupSettings, backups } from './table';

/** Waiting or under way, in the whole cluster. */
const MAX_OPEN = 20;
const MAX_BACKUPS = 5_000;
const KEPT_FAILED = 50;
const MAX_DETAIL = 500;

const encryption = z.enum(BACKUP_ENCRYPTIONS);
const detail = z.string().transform((text) => text.slice(0, MAX_DETAIL));

interface NewBackup {
  id: string;
  nodeId: number;
  target: string;
  note: string;
  version: string;
  kind: 'manual' | 'scheduled';
  dueAt: number | null;
}

function insertBackup(tx: StateDb, input: NewBackup, ctx: ApplyContext): void {
  if (!liveMembers(tx).some((member) => member.id === input.nodeId)) {
    throw new DomainError('not_found', `there is no member ${input.nodeId} that could make the backup`);
  }
  if (input.target !== LOCAL_TARGET) findTarget(tx, input.target);
  if (countRows(tx, backups) >= MAX_BACKUPS) {
    throw new DomainError('conflict', `there are ${MAX_BACKUPS} backups already; delete some, or set a retention`);
  }
  const mode = encryption.parse(currentSettings(tx).encryption);
  const name = tx.select().from(clusterInfo).get()?.name ?? '';
  tx.insert(backups)
    .values({
      ...input,
      state: 'queued',
      stage: 'waiting',
      percent: 0,
      file: fileNameOf(ctx.at, name, input.id, mode),
      requestedBy: ctx.actor.name,
      createdAt: ctx.at,
      encryption: mode,
      verification: 'none',
      verifyDetail: '',
    })
    .run();
}

export const createBackup = defineCommand({
  type: 'backups.create',
  since: 1,
  input: z.object({
    id: z.uuid(),
    nodeId: z.int(),
    target: z.string(),
    note: z.string().max(200),
    version: z.string().max(64),
  }),
  target: (input) => input.id,
  apply(tx, input, ctx) {
    const open = backupsIn(tx, 'queued', 'running').length;
    if (open >= MAX_OPEN) throw new DomainError('conflict', `${open} backups are waiting already; wait for them`);
    insertBackup(tx, { ...input, kind: 'manual', dueAt: null }, ctx);
    return { id: input.id };
  },
});

/** Starts what the schedule wants: whoever proposes it, and however often, once for each due time. */
export const startDueBackup = defineCommand({
  type: 'backups.start_due',
  since: 1,
  audited: false,
  input: z.object({
    id: z.uuid(),
    nodeId: z.int(),
    dueAt: z.int(),
    /** Due times before this one for which nothing was started. */
    missed: z.int().min(0),
    /** Of the schedule that it was planned by. */
    revision: z.int(),
    version: z.string().max(64),
  }),
  apply(tx, { dueAt, missed, revision, ...input }, ctx) {
    const settings = currentSettings(tx);
    if (!settings.enabled || settings.revision !== revision || settings.doneUntil >= dueAt) return { started: false };
    const missedRuns = settings.missedRuns + missed;
    tx.update(backupSettings).set({ doneUntil: dueAt, lastDueAt: dueAt, missedRuns }).run();
    if (missed > 0) {
      const what = missed === 1 ? 'a scheduled backup was' : `${missed} scheduled backups were`;
      ctx.event('backup.missed', `${what} missed: no leader was there to start them`, { missed });
    }
    insertBackup(tx, { ...input, note: '', target: settings.target, kind: 'scheduled', dueAt }, ctx);
    return { started: true };
  },
});

function requireOpen(tx: StateDb, id: string, nodeId: number): BackupRow {
  const row = findBackup(tx, id);
  if (row.nodeId !== nodeId || !['queued', 'running'].includes(row.state)) {
    throw new DomainError('conflict', `the backup is ${row.state}: it is not made any more`);
  }
  return row;
}

/** How far a node is. The first report is the start. */
export const reportBackup = defineCommand({
  type: 'backups.report',
  since: 1,
  audited: false,
  input: z.object({
    id: z.uuid(),
    nodeId: z.int(),
    stage: z.enum(BACKUP_STAGES),
    percent: z.int().min(0).max(100),
  }),
  apply(tx, { id, nodeId, stage, percent }, ctx) {
    const row = requireOpen(tx, id, nodeId);
    tx.update(backups)
      .set({ state: 'running', stage, percent, startedAt: row.startedAt ?? ctx.at })
      .where(eq(backups.id, id))
      .run();
    if (row.state === 'queued') {
      ctx.event('backup.started', `node ${nodeId} makes a backup`, { backup: id, node: nodeId, kind: row.kind });
    }
  },
});

const facts = z.object({
  bytes: z.int(),
  sha256: z.string().length(64),
  epoch: z.int(),
  index: z.int(),
  lastChangeAt: z.int(),
  schemaVersion: z.int(),
  clusterId: z.string(),
});

export const completeBackup = defineCommand({
  type: 'backups.complete',
  since: 1,
  audited: false,
  input: facts.extend({ id: z.uuid(), nodeId: z.int() }),
  apply(tx, { id, nodeId, ...made }, ctx) {
    const row = requireOpen(tx, id, nodeId);
    const checked = { verification: 'ok', verifiedAt: ctx.at, verifyNode: nodeId, verifyDetail: '' };
    tx.update(backups)
      .set({ ...made, ...checked, state: 'completed', stage: 'done', percent: 100, finishedAt: ctx.at })
      .where(eq(backups.id, id))
      .run();
    const where = targetName(tx, row.target);
    ctx.event('backup.completed', `a backup up to index ${made.index} was stored on ${where}`, {
      ...{ backup: id, node: nodeId, kind: row.kind, index: made.index, bytes: made.bytes },
      duration_ms: ctx.at - (row.startedAt ?? ctx.at),
    });
  },
});

/** The reason stands in the record. What was ended already stays as it is. */
export const failBackup = defineCommand({
  type: 'backups.fail',
  since: 1,
  audited: false,
  input: z.object({ id: z.uuid(), code: z.string().max(64), detail }),
  apply(tx, { id, code, detail: why }, ctx) {
    const row = tx.select().from(backups).where(eq(backups.id, id)).get();
    if (!row || !['queued', 'running'].includes(row.state)) return;
    const error = { errorCode: code, errorDetail: why };
    tx.update(backups)
      .set({ ...error, state: 'failed', finishedAt: ctx.at })
      .where(eq(backups.id, id))
      .run();
    const message = `the backup on node ${row.nodeId} failed: ${why}`;
    ctx.event('backup.failed', message, { backup: id, node: row.nodeId, kind: row.kind, code });
    const surplus = tx
      .select({ id: backups.id })
      .from(backups)
      .where(eq(backups.state, 'failed'))
      .orderBy(desc(backups.createdAt), desc(backups.id))
      .limit(MAX_BACKUPS)
      .offset(KEPT_FAILED)
      .all();
    for (const old of surplus) tx.delete(backups).where(eq(backups.id, old.id)).run();
  },
});

/** Marks backups whose files are to go. Those that never had one go at once. */
export const deleteBackups = defineCommand({
  type: 'backups.delete',
  since: 1,
  input: z.object({ ids: z.array(z.uuid()).min(1).max(100), reason: z.enum(['request', 'retention']) }),
  target: (input) => input.ids.join(','),
  apply(tx, { ids, reason }, ctx) {
    for (const id of ids) {
      const row = tx.select().from(backups).where(eq(backups.id, id)).get();
      if (!row && reason === 'request') findBackup(tx, id);
      if (!row || row.state === 'deleting') continue;
      if (row.state === 'running') {
        if (reason === 'retention') continue;
        throw new DomainError('conflict', 'the backup is being made; delete it when it is there', [], 5);
      }
      if (row.state === 'completed') tx.update(backups).set({ state: 'deleting' }).where(eq(backups.id, id)).run();
      else tx.delete(backups).where(eq(backups.id, id)).run();
      const who = reason === 'retention' ? 'the retention' : ctx.actor.name;
      ctx.event('backup.deleted', `${who} deleted the backup ${row.file}`, { backup: id, reason });
    }
  },
});

/** The files are gone, or the node that had them is. */
export const forgetBackups = defineCommand({
  type: 'backups.forget',
  since: 1,
  audited: false,
  input: z.object({ ids: z.array(z.uuid()).min(1).max(100) }),
  apply(tx, { ids }) {
    tx.delete(backups)
      .where(and(inArray(backups.id, ids), eq(backups.state, 'deleting')))
      .run();
  },
});

export const verifyBackup = defineCommand({
  type: 'backups.verify',
  since: 1,
  input: z.object({ id: z.uuid(), nodeId: z.int() }),
  target: (input) => input.id,
  apply(tx, { id, nodeId }) {
    const row = findBackup(tx, id);
    if (row.state !== 'completed') throw new DomainError('conflict', `the backup is ${row.state}, not completed`);
    if (row.verification === 'running') {
      throw new DomainError('conflict', `node ${row.verifyNode} verifies this backup already`, [], 5);
    }
    tx.update(backups).set({ verification: 'running', verifyNode: nodeId }).where(eq(backups.id, id)).run();
  },
});

export const reportVerification = defineCommand({
  type: 'backups.report_verification',
  since: 1,
  audited: false,
  input: z.object({ id: z.uuid(), state: z.enum(BACKUP_VERIFICATIONS), detail }),
  apply(tx, { id, state, detail: found }, ctx) {
    const row = tx.select().from(backups).where(eq(backups.id, id)).get();
    if (row?.verification !== 'running') return;
    tx.update(backups)
      .set({ verification: state, verifiedAt: ctx.at, verifyDetail: found })
      .where(eq(backups.id, id))
      .run();
    const data = { backup: id, node: row.verifyNode };
    if (state === 'failed') ctx.event('backup.damaged', `the backup ${row.file} cannot be used: ${found}`, data);
    else if (state !== 'none') ctx.event('backup.verified', `the backup ${row.file} was read back and is good`, data);
  },
});

/** Copies from before a restore that a node keeps, and those that it keeps no more. */
export const noteSafetyCopies = defineCommand({
  type: 'backups.note_safety',
  since: 1,
  audited: false,
  input: z.object({
    nodeId: z.int(),
    found: z
      .array(facts.extend({ id: z.uuid(), file: z.string().max(255), madeAt: z.int(), version: z.string().max(64) }))
      .max(10),
    gone: z.array(z.uuid()).max(100),
  }),
  apply(tx, { nodeId, found, gone }, ctx) {
    const ofNode = and(eq(backups.nodeId, nodeId), eq(backups.kind, 'safety'));
    for (const id of gone)
      tx.delete(backups)
        .where(and(ofNode, eq(backups.id, id)))
        .run();
    for (const { madeAt, ...copy } of found) {
      if (countRows(tx, backups, and(ofNode, eq(backups.file, copy.file))) > 0) continue;
      tx.insert(backups)
        .values({
          ...copy,
          ...{ nodeId, kind: 'safety', state: 'completed', stage: 'done', percent: 100, target: LOCAL_TARGET },
          ...{ note: '', requestedBy: ctx.actor.name, createdAt: madeAt, startedAt: madeAt, finishedAt: madeAt },
          ...{ encryption: 'none', verification: 'ok', verifiedAt: madeAt, verifyNode: nodeId, verifyDetail: '' },
        })
        .onConflictDoNothing()
        .run();
    }
  },
});

export const backupCommands = [
  noteSafetyCopies,
  createBackup,
  startDueBackup,
  reportBackup,
  completeBackup,
  failBackup,
  deleteBackups,
  forgetBackups,
  verifyBackup,
  reportVerification,
];
