'use client';

import { CORE_RUNNER, type Job } from '@quorate/shared/jobs';
import Link from 'next/link';
import { DataList } from '@/components/data-list';
import { Time } from '@/components/time';
import { Panel } from '@/components/ui/panel';
import { OutcomeBadge } from '@/components/work-status';
import { useNow } from '@/lib/use-now';
import { endOf, formatDuration, placeOf } from './job-words';

type Attempt = Job['attempts'][number];

/** Each time it was tried: where, for how long, and how that ended. */
export function Attempts({ job }: { job: Job }) {
  if (job.attempts.length === 0) return null;
  return (
    <Panel title="Attempts" flush>
      <DataList
        label="Attempts"
        from="md"
        rows={job.attempts.toReversed()}
        keyOf={({ attempt }) => attempt}
        columns={[
          { head: 'Attempt', cell: ({ attempt }) => attempt },
          { head: 'Outcome', cell: (attempt) => <Outcome attempt={attempt} /> },
          { head: 'Runner', className: 'whitespace-nowrap', cell: (attempt) => <Place attempt={attempt} /> },
          { head: 'Took', right: true, className: 'whitespace-nowrap', cell: (attempt) => <Took attempt={attempt} /> },
          { head: 'Started', right: true, cell: (attempt) => <Started attempt={attempt} /> },
        ]}
        card={(attempt) => (
          <div className="flex flex-wrap items-start gap-x-3 gap-y-1">
            <span className="text-ink-3">{attempt.attempt}</span>
            <div className="min-w-0 flex-1">
              <Outcome attempt={attempt} />
            </div>
            <p className="text-ink-2 text-xs">
              <Place attempt={attempt} /> · <Took attempt={attempt} /> · <Started attempt={attempt} />
            </p>
          </div>
        )}
      />
    </Panel>
  );
}

function Outcome({ attempt }: { attempt: Attempt }) {
  const end = endOf(attempt);
  return (
    <>
      <OutcomeBadge outcome={attempt.outcome} />
      {end ? <p className="mt-1 break-words text-ink-2 text-xs">{end}</p> : null}
    </>
  );
}

const Started = ({ attempt }: { attempt: Attempt }) => <Time at={attempt.started_at ?? attempt.assigned_at} />;

function Place({ attempt }: { attempt: Attempt }) {
  if (attempt.runner === CORE_RUNNER) return placeOf(attempt);
  return (
    <Link href={`/runners?runner=${encodeURIComponent(attempt.runner)}`} className="underline-offset-2 hover:underline">
      {attempt.runner}
    </Link>
  );
}

function Took({ attempt: { started_at: from, finished_at: to } }: { attempt: Attempt }) {
  const now = useNow();
  if (from === null) return <span className="text-ink-3">–</span>;
  return <span>{formatDuration((to === null ? now : Date.parse(to)) - Date.parse(from))}</span>;
}
