'use client';

import type { Runner } from '@quorate/shared/runners';
import { useInfiniteQuery } from '@tanstack/react-query';
import Link from 'next/link';
import { LabelChips } from '@/components/labels';
import { Time } from '@/components/time';
import { Button } from '@/components/ui/button';
import { Dialog } from '@/components/ui/dialog';
import { Facts } from '@/components/ui/panel';
import { SkeletonRows } from '@/components/ui/skeleton';
import { JobBadge } from '@/components/work-status';
import { jobsQuery } from '@/lib/queries';
import { jobTitle } from '../jobs/job-words';
import { Connections, RunnerState, Slots } from './runner-cells';

/** One runner: what it is, and what it runs now. */
export function RunnerDialog({ runner, onClose }: { runner: Runner; onClose: () => void }) {
  return (
    <Dialog
      open
      width="wide"
      onOpenChange={(open) => !open && onClose()}
      title={runner.name}
      footer={<Button onClick={onClose}>Close</Button>}
    >
      <div className="space-y-5">
        <Facts
          items={[
            { label: 'State', value: <RunnerState runner={runner} /> },
            { label: 'Slots', value: <Slots runner={runner} /> },
            { label: 'Connected', value: <Connections runner={runner} /> },
            { label: 'Labels', value: <LabelChips labels={runner.labels} /> },
            { label: 'Version', value: runner.version },
            { label: 'Joined', value: <Time at={runner.joined_at} show="both" /> },
            { label: 'Id', value: runner.id, mono: true },
          ]}
        />
        <RunningJobs runner={runner} />
      </div>
    </Dialog>
  );
}

function RunningJobs({ runner }: { runner: Runner }) {
  const jobs = useInfiniteQuery(jobsQuery({ state: 'running' }));
  const mine = (jobs.data?.pages.flatMap((page) => page.items) ?? []).filter(
    ({ attempts }) => attempts.at(-1)?.runner === runner.name,
  );
  return (
    <section aria-label="Running jobs">
      <h3 className="mb-1.5 font-semibold text-ink">Running jobs</h3>
      {jobs.isPending ? <SkeletonRows rows={2} /> : null}
      {jobs.data && mine.length === 0 ? <p className="text-ink-2">It runs no job now.</p> : null}
      {mine.length > 0 ? (
        <ul className="divide-y rounded-md border">
          {mine.map((job) => (
            <li key={job.id} className="flex flex-wrap items-center gap-x-3 gap-y-1 px-3 py-2">
              <JobBadge job={job} />
              <Link
                href={`/jobs?job=${job.id}`}
                className="min-w-0 flex-1 truncate font-mono text-ink text-xs underline-offset-2 hover:underline"
              >
                {jobTitle(job)}
              </Link>
              <Time at={job.attempts.at(-1)?.started_at ?? null} className="text-ink-3 text-xs" />
            </li>
          ))}
        </ul>
      ) : null}
    </section>
  );
}
