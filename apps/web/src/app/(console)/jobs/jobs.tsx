'use client';

import { JOB_STATES, type Job } from '@quorate/shared/jobs';
import { useInfiniteQuery } from '@tanstack/react-query';
import { Plus, SearchX, SquareTerminal } from 'lucide-react';
import { parseAsBoolean, parseAsString, parseAsStringLiteral, useQueryState } from 'nuqs';
import { useState } from 'react';
import { MoreButton } from '@/components/more-button';
import { Page } from '@/components/page';
import { EmptyState, ErrorState } from '@/components/states';
import { Button } from '@/components/ui/button';
import { Panel } from '@/components/ui/panel';
import { Select } from '@/components/ui/select';
import { SkeletonRows } from '@/components/ui/skeleton';
import { JOB } from '@/components/work-status';
import { WriteButton } from '@/components/write-button';
import { jobsQuery } from '@/lib/queries';
import { JobDetail } from './job-detail';
import { JobList } from './job-list';
import { SubmitDialog } from './submit-dialog';

const STATE_OPTIONS = [
  { value: '', label: 'All jobs' },
  ...JOB_STATES.map((state) => ({ value: state, label: JOB[state][0] })),
];

/** One job when the address names one, else the queue. */
export function Jobs() {
  const [opened, setOpened] = useQueryState('job', parseAsString.withOptions({ history: 'push' }));
  const [submitting, setSubmitting] = useQueryState('submit', parseAsBoolean.withDefault(false));
  const [like, setLike] = useState<Job>();
  const close = () => {
    setLike(undefined);
    void setSubmitting(null);
  };
  return (
    <>
      {opened === null ? (
        <Queue onOpen={(id) => void setOpened(id)} onSubmit={() => void setSubmitting(true)} />
      ) : (
        <JobDetail id={opened} onBack={() => void setOpened(null)} onSubmitLike={setLike} />
      )}
      {submitting || like ? (
        <SubmitDialog
          like={like}
          onClose={close}
          onSubmitted={({ id }) => {
            close();
            void setOpened(id);
          }}
        />
      ) : null}
    </>
  );
}

function Queue({ onOpen, onSubmit }: { onOpen: (id: string) => void; onSubmit: () => void }) {
  const [state, setState] = useQueryState('state', parseAsStringLiteral(JOB_STATES));
  const jobs = useInfiniteQuery(jobsQuery(state === null ? {} : { state }));
  const items = jobs.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <Page
      title="Jobs"
      description="Programs that run once, each attempt on one runner. Newest first."
      actions={
        <WriteButton needs="operator" variant="primary" onClick={onSubmit}>
          <Plus aria-hidden />
          Submit a job
        </WriteButton>
      }
    >
      <div className="space-y-4">
        {items.length > 0 || state !== null ? (
          <search>
            <Select
              aria-label="State"
              className="w-full sm:w-40"
              options={STATE_OPTIONS}
              value={state ?? ''}
              onChange={(event) => void setState(JOB_STATES.find((value) => value === event.target.value) ?? null)}
            />
          </search>
        ) : null}
        <Panel flush>
          {jobs.isPending ? <SkeletonRows rows={6} /> : null}
          {jobs.isError && !jobs.data ? <ErrorState error={jobs.error} onRetry={() => void jobs.refetch()} /> : null}
          {jobs.isSuccess && items.length === 0 ? (
            state === null ? (
              <EmptyState icon={SquareTerminal} title="No job yet" cli="quorate job run -- /bin/echo hello">
                Submit one: it goes to a runner that has a free slot and the labels it asks for.
              </EmptyState>
            ) : (
              <EmptyState
                icon={SearchX}
                title="No job is in this state"
                cli={`quorate job list --state ${state}`}
                action={<Button onClick={() => void setState(null)}>Show all jobs</Button>}
              />
            )
          ) : null}
          {items.length > 0 ? <JobList jobs={items} onOpen={onOpen} /> : null}
          <MoreButton query={jobs} />
        </Panel>
      </div>
    </Page>
  );
}
