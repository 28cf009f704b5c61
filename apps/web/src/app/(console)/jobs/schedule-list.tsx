'use client';

import { type JobSchedule, jobScheduleRoutes } from '@quorate/shared/job-schedules';
import { CircleCheck, CirclePause, CirclePlay, List, Pencil, Play, Trash2 } from 'lucide-react';
import { toast } from 'sonner';
import { Action, ActionsMenu } from '@/components/actions-menu';
import { Time } from '@/components/time';
import { Badge } from '@/components/ui/badge';
import { useWriteBlock } from '@/lib/access';
import { asSentence, plural } from '@/lib/format';
import { useWrite } from '@/lib/use-write';
import { jobTitle } from './job-words';

export interface ScheduleActions {
  openJob: (id: string) => void;
  showJobs: (schedule: JobSchedule) => void;
  edit: (schedule: JobSchedule) => void;
  remove: (schedule: JobSchedule) => void;
}

interface ScheduleListProps {
  schedules: readonly JobSchedule[];
  actions: ScheduleActions;
}

export function ScheduleList({ schedules, actions }: ScheduleListProps) {
  return (
    <ul className="divide-y">
      {schedules.map((schedule) => (
        <li key={schedule.id} className="flex items-start gap-2 px-3.5 py-3">
          <div className="grid min-w-0 flex-1 gap-x-4 gap-y-2 md:grid-cols-[minmax(0,2fr)_minmax(0,1fr)_minmax(0,1fr)]">
            <div className="min-w-0 space-y-0.5">
              <p className="flex flex-wrap items-center gap-2">
                <span className="break-all font-medium text-ink">{schedule.name}</span>
                {schedule.enabled ? (
                  <Badge tone="ok" icon={CircleCheck}>
                    Enabled
                  </Badge>
                ) : (
                  <Badge icon={CirclePause}>Disabled</Badge>
                )}
              </p>
              <p className="truncate font-mono text-ink-3 text-xs" title={jobTitle(schedule)}>
                {jobTitle(schedule)}
              </p>
            </div>
            <div>
              <p className="font-mono text-ink text-xs leading-5">{schedule.cron}</p>
              <p className="text-ink-3 text-xs">
                {schedule.time_zone} · next <Time at={schedule.next_run_at} />
              </p>
            </div>
            <div>
              <LastRun schedule={schedule} onOpen={actions.openJob} />
              <p className="text-ink-3 text-xs">{countsOf(schedule)}</p>
            </div>
          </div>
          <ScheduleMenu schedule={schedule} actions={actions} />
        </li>
      ))}
    </ul>
  );
}

const countsOf = ({ runs, skipped_runs: skipped, missed_runs: missed }: JobSchedule): string =>
  [plural(runs, 'run'), skipped > 0 ? `${skipped} skipped` : '', missed > 0 ? `${missed} missed` : '']
    .filter(Boolean)
    .join(' · ');

function LastRun({
  schedule: { last_due_at: at, last_job_id: id },
  onOpen,
}: {
  schedule: JobSchedule;
  onOpen: (id: string) => void;
}) {
  if (id === null) return <p className="text-ink-2">has not run yet</p>;
  return (
    <button type="button" className="text-ink underline-offset-2 hover:underline" onClick={() => onOpen(id)}>
      last run {at === null ? '' : <Time at={at} />}
    </button>
  );
}

function ScheduleMenu({ schedule, actions }: { schedule: JobSchedule; actions: ScheduleActions }) {
  const block = useWriteBlock('operator');
  const { toggle, run } = useScheduleWrites(schedule, actions.openJob);
  const blocked = block !== null;
  return (
    <ActionsMenu name={schedule.name} block={block}>
      <Action icon={List} onSelect={() => actions.showJobs(schedule)}>
        Show its jobs
      </Action>
      <Action icon={Play} disabled={blocked} onSelect={run}>
        Run now
      </Action>
      <Action icon={schedule.enabled ? CirclePause : CirclePlay} disabled={blocked} onSelect={toggle}>
        {schedule.enabled ? 'Disable' : 'Enable'}
      </Action>
      <Action icon={Pencil} disabled={blocked} onSelect={() => actions.edit(schedule)}>
        Edit…
      </Action>
      <Action icon={Trash2} disabled={blocked} onSelect={() => actions.remove(schedule)}>
        Delete…
      </Action>
    </ActionsMenu>
  );
}

function useScheduleWrites({ id, name, enabled }: JobSchedule, openJob: (id: string) => void) {
  const refresh = ['job-schedules', 'jobs'] as const;
  const onError = (error: Error) => void toast.error(`${name}: not done`, { description: asSentence(error.message) });
  const onSuccess = (result: JobSchedule) =>
    void toast.success(`${name} is ${result.enabled ? 'enabled' : 'disabled'}`);
  const enable = useWrite(jobScheduleRoutes.enable, { refresh, onSuccess, onError });
  const disable = useWrite(jobScheduleRoutes.disable, { refresh, onSuccess, onError });
  const submit = useWrite(jobScheduleRoutes.run, { refresh, onError, onSuccess: (job) => openJob(job.id) });
  const params = { id };
  return { toggle: () => (enabled ? disable : enable).run({ params }), run: () => submit.run({ params }) };
}
