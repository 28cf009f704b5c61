'use client';

import type { Job } from '@quorate/shared/jobs';
import { Time } from '@/components/time';
import { Table, Td, Th, Tr } from '@/components/ui/table';
import { JobBadge } from '@/components/work-status';
import { asSentence } from '@/lib/format';
import { useNow } from '@/lib/use-now';
import { endOf, formatDuration, jobTitle, runMs } from './job-words';

interface JobListProps {
  jobs: readonly Job[];
  onOpen: (id: string) => void;
}

/** Jobs, newest first: a table from tablet width up, cards below. */
export function JobList({ jobs, onOpen }: JobListProps) {
  return (
    <>
      <div className="hidden md:block">
        <Table label="Jobs">
          <thead>
            <tr>
              <Th>State</Th>
              <Th>Job</Th>
              <Th>Runner</Th>
              <Th className="text-right">Attempts</Th>
              <Th className="text-right">Took</Th>
              <Th>Submitted</Th>
            </tr>
          </thead>
          <tbody>
            {jobs.map((job) => (
              <Tr key={job.id}>
                <Td>
                  <JobBadge job={job} />
                </Td>
                <Td className="w-full max-w-0">
                  <JobTitle job={job} onOpen={onOpen} />
                  <Why job={job} />
                </Td>
                <Td className="whitespace-nowrap">{job.attempts.at(-1)?.runner ?? <Dash />}</Td>
                <Td className="whitespace-nowrap text-right">
                  {job.attempts.length} of {job.retry.max_attempts}
                </Td>
                <Td className="whitespace-nowrap text-right">
                  <Took job={job} />
                </Td>
                <Td className="whitespace-nowrap">
                  <Time at={job.created_at} />
                  <p className="text-ink-3 text-xs">by {job.created_by}</p>
                </Td>
              </Tr>
            ))}
          </tbody>
        </Table>
      </div>
      <ul className="divide-y md:hidden">
        {jobs.map((job) => (
          <li key={job.id} className="space-y-1.5 p-3.5">
            <div className="flex flex-wrap items-center gap-2">
              <JobBadge job={job} />
              <span className="text-ink-2">
                <Took job={job} />
              </span>
              <span className="ml-auto text-ink-3 text-xs">
                <Time at={job.created_at} /> by {job.created_by}
              </span>
            </div>
            <JobTitle job={job} onOpen={onOpen} />
            <Why job={job} />
            <p className="text-ink-3 text-xs">
              {job.attempts.length} of {job.retry.max_attempts} attempts
              {job.attempts.length > 0 ? ` · ${job.attempts.at(-1)?.runner}` : ''}
            </p>
          </li>
        ))}
      </ul>
    </>
  );
}

const Dash = () => <span className="text-ink-3">–</span>;

function JobTitle({ job, onOpen }: { job: Job; onOpen: (id: string) => void }) {
  return (
    <button
      type="button"
      className="block w-full truncate text-left font-mono text-ink text-xs underline-offset-2 hover:underline"
      title={jobTitle(job)}
      onClick={() => onOpen(job.id)}
    >
      {job.kind === 'exec' ? '' : `${job.kind} `}
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
