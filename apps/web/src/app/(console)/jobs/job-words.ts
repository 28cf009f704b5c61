import { CORE_RUNNER, type Job } from '@quorate/shared/jobs';
import { formatMs, formatSpan } from '../../../lib/format';
import { commandLine } from '../../../lib/lines';

/** What it does, in one line. */
export function jobTitle({ spec }: Pick<Job, 'spec'>): string {
  if (spec.kind === 'exec') return commandLine(spec);
  if (spec.kind === 'backup') return spec.note ? `backup: ${spec.note}` : 'backup';
  return `restart ${spec.services.join(' ') || 'all services'}`;
}

/** Where an attempt is made: a runner, or the cluster itself. */
export const placeOf = ({ runner }: Job['attempts'][number]): string =>
  runner === CORE_RUNNER ? 'the cluster' : runner;

/** How long its attempts took or take, ms since the first start; null before that. */
export function runMs(job: Job, nowMs: number): number | null {
  const started = job.attempts.find(({ started_at }) => started_at !== null)?.started_at;
  if (!started) return null;
  return (job.finished_at === null ? nowMs : Date.parse(job.finished_at)) - Date.parse(started);
}

/** `exit 3`, `SIGKILL`, `no such file`: how an attempt ended, beside its outcome. */
export function endOf({ exit_code, signal, error }: Job['attempts'][number]): string {
  const parts = [exit_code === null ? '' : `exit ${exit_code}`, signal ?? '', error].filter(Boolean);
  return parts.join(' · ');
}

export const canCancel = ({ state, cancel_requested }: Job): boolean =>
  (state === 'queued' || state === 'assigned' || state === 'running') && !cancel_requested;
export const canRetry = ({ state }: Job): boolean => state === 'failed' || state === 'cancelled';

/** `40 ms`, `2.1 s`, `3 min`. */
export function formatDuration(ms: number): string {
  if (ms < 1) return '< 1 ms';
  return ms < 60_000 ? formatMs(ms) : formatSpan(ms / 1000);
}

/** Who submitted it. */
export const submitterOf = ({ schedule_id: schedule, created_by: by }: Job): string => (schedule ? 'its schedule' : by);
