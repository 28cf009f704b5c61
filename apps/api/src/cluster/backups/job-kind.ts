import type { JobSpec } from '@quorate/shared/jobs';
import { eq } from 'drizzle-orm';
import type { JobKind } from '../../reconcile/job-kind';
import { createBackup } from './commands';
import { backups } from './table';

/** Jobs that make a backup, as `POST /v1/backups` does; `version`: of this build. A backup that is begun is not interrupted. */
export const backupJobs = (version: string): JobKind<Extract<JobSpec, { kind: 'backup' }>> => ({
  kind: 'backup',
  async step({ spec, db, nodeId, propose, uuid }) {
    const id = uuid('backup');
    const row = db.select().from(backups).where(eq(backups.id, id)).get();
    if (!row) {
      const { target, note } = spec;
      await propose(createBackup, { id, nodeId: spec.node_id ?? nodeId, target, note, version }, 'backup');
      return undefined;
    }
    if (row.state === 'queued' || row.state === 'running') return undefined;
    if (row.state !== 'failed') return { outcome: 'succeeded', error: '', output: `backup ${id}: ${row.file}\n` };
    return { outcome: 'failed', error: row.errorDetail ?? 'the backup failed', output: `backup ${id}\n` };
  },
});
