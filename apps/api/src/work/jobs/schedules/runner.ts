import type { StateDb } from '../../../db/state-store';
import type { Clock } from '../../../lib/clock';
import { uuidv7 } from '../../../lib/ids';
import { dueNow, nextRunAt } from '../../../reconcile/cron';
import type { Reconciler } from '../../../reconcile/driver';
import type { Proposer } from '../../../replication/proposer';
import { systemProposal } from '../../proposal';
import { runDueSchedule } from './commands';
import { jobSchedules, type ScheduleRow } from './table';

export interface ScheduleRunnerDeps {
  readonly db: () => StateDb;
  readonly propose: Proposer['propose'];
  readonly nodeId: number;
  readonly isLeader: () => boolean;
  readonly clock: Clock;
}

/** On the leader: submits the jobs that are due. Apply decides, so that another leader at the same time does no harm. */
export function createScheduleRunner(deps: ScheduleRunnerDeps): Reconciler {
  /** By id: when it is due next. Reading cron expressions anew each time would cost more than all else. */
  let planned = new Map<string, { readonly key: string; readonly at: number }>();
  const keyOf = (row: ScheduleRow): string => `${row.revision}.${row.doneUntil}`;

  function nextOf(row: ScheduleRow): number {
    const known = planned.get(row.id);
    if (known?.key === keyOf(row)) return known.at;
    return nextRunAt(row, row.doneUntil) ?? Number.POSITIVE_INFINITY;
  }

  async function submit(row: ScheduleRow, now: number): Promise<void> {
    const due = dueNow(row, now);
    if (!due) return;
    const id = `schedule-${row.id}-${row.revision}-${due.dueAt}`;
    const input = { id: row.id, jobId: uuidv7(), ...due, revision: row.revision };
    await deps.propose(runDueSchedule, input, { ...systemProposal(deps.nodeId), id });
  }

  return {
    name: 'job schedules',
    intervalMs: 250,
    async run() {
      if (!deps.isLeader()) return;
      const now = deps.clock();
      const rows = deps.db().select().from(jobSchedules).all();
      const enabled = rows.filter((row) => row.enabled);
      planned = new Map(enabled.map((row) => [row.id, { key: keyOf(row), at: nextOf(row) }]));
      for (const row of enabled) if (nextOf(row) <= now) await submit(row, now);
    },
  };
}
