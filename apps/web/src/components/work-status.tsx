import type { Job, JobState } from '@quorate/shared/jobs';
import type { Runner } from '@quorate/shared/runners';
import { Ban, CircleCheck, CircleDashed, CirclePlay, CircleX, Ghost, Hourglass, TimerOff, Unplug } from 'lucide-react';
import { Badge, type Look, LookBadge } from './ui/badge';

const RUNNER = {
  online: ['Online', 'ok', CircleCheck],
  offline: ['Offline', 'bad', Unplug],
} as const satisfies Record<Runner['status'], Look>;

export const JOB = {
  queued: ['Queued', 'plain', Hourglass],
  assigned: ['Assigned', 'info', CircleDashed],
  running: ['Running', 'info', CirclePlay],
  succeeded: ['Succeeded', 'ok', CircleCheck],
  failed: ['Failed', 'bad', CircleX],
  cancelled: ['Cancelled', 'plain', Ban],
} as const satisfies Record<JobState, Look>;

const OUTCOME = {
  running: ['Running', 'info', CirclePlay],
  succeeded: ['Succeeded', 'ok', CircleCheck],
  failed: ['Failed', 'bad', CircleX],
  timed_out: ['Timed out', 'bad', TimerOff],
  cancelled: ['Cancelled', 'plain', Ban],
  lost: ['Lost', 'warn', Ghost],
} as const satisfies Record<Job['attempts'][number]['outcome'], Look>;

const show = (look: Look) => <LookBadge look={look} />;

export const RunnerBadge = ({ status }: { status: Runner['status'] }) => show(RUNNER[status]);
export const OutcomeBadge = ({ outcome }: { outcome: Job['attempts'][number]['outcome'] }) => show(OUTCOME[outcome]);

/** The state of a job; one that is being cancelled says so before it is over. */
export function JobBadge({ job }: { job: Pick<Job, 'state' | 'cancel_requested'> }) {
  const ends = job.cancel_requested && (job.state === 'running' || job.state === 'assigned');
  return ends ? (
    <Badge tone="warn" icon={Ban}>
      Cancelling
    </Badge>
  ) : (
    show(JOB[job.state])
  );
}
