'use client';

import type { Job } from '@quorate/shared/jobs';
import { DataList } from '@/components/data-list';
import { Time } from '@/components/time';
import { JobBadge } from '@/components/work-status';
import { asSentence } from '@/lib/format';
import { useNow } from '@/lib/use-now';
import { endOf, formatDuration, jobTitle, placeOf, runMs, submitterOf } from './job-words';

interface JobListProps {
  jobs: readonly Job[];
  onOpen: (id: string) => void;
}

/** Jobs, newest first. */
export function JobList({ jobs, onOpen }: JobListProps) {
  return (
    <DataList
      label="Jobs"
      rows={jobs}
      keyOf={({ id }) => id}
      from="md"
      columns={[
        { head: 'State', cell: (job) => <JobBadge job={job} /> },
        {
          head: 'Job',
          className: 'w-full max-w-0',
          cell: (job) => (
            <>
              <JobTitle job={job} onOpen={onOpen} />
              <Why job={job} />
            </>
          ),
        },
        {
          head: 'Runner',
          className: 'whitespace-nowrap',
          cell: (job) => lastPlace(job) ?? <Dash />,
        },
        { head: 'Attempts', right: true, className: 'whitespace-nowrap', cell: attemptsOf },
        { head: 'Took', right: true, className: 'whitespace-nowrap', cell: (job) => <Took job={job} /> },
        {
          head: 'Submitted',
          className: 'whitespace-nowrap',
          cell: (job) => (
            <>
              <Time at={job.created_at} />
              <p className="text-ink-3 text-xs">by {submitterOf(job)}</p>
            </>
          ),
        },
      ]}
      card={(job) => (
        <>
          <div className="flex flex-wrap items-center gap-2">
            <JobBadge job={job} />
            <span className="text-ink-2">
              <Took job={job} />
            </span>
            <span className="ml-auto text-ink-3 text-xs">
              <Time at={job.created_at} /> by {submitterOf(job)}
            </span>
          </div>
          <JobTitle job={job} onOpen={onOpen} />
          <Why job={job} />
          <p className="text-ink-3 text-xs">
            {attemptsOf(job)} attempts
            {job.attempts.length > 0 ? ` · ${lastPlace(job)}` : ''}
          </p>
        </>
      )}
    />
  );
}

function lastPlace({ attempts }: Job): string | undefined {
  const last = attempts.at(-1);
  return last && placeOf(last);
}

const attemptsOf = ({ attempts, retry }: Job): string => `${attempts.length} of ${retry.max_attempts}`;
const Dash = () => <span className="text-ink-3">–</span>;

function JobTitle({ job, onOpen }: { job: Job; onOpen: (id: string) => void }) {
  return (
    <button
      type="button"
      className="block w-full truncate text-left font-mono text-ink text-xs underline-offset-2 hover:underline"
      title={jobTitle(job)}
      onClick={() => onOpen(job.id)}
    >
      {jobTitle(job)}
    </button>
  );
}

/** Why it waits, or how it ended when that was not well. */
function Why({ job }: { job: Job }) {
  const last = job.attempts.at(-1);
  const text = job.waiting_for ?? (job.state === 'failed' && last ? endOf(last) : '');
  if (!text) return null;
  return <p className="line-clamp-2 break-words text-ink-2 text-xs">{asSentence(text)}</p>;
}

function Took({ job }: { job: Job }) {
  const ms = runMs(job, useNow());
  return ms === null ? <Dash /> : <span>{formatDuration(ms)}</span>;
}
