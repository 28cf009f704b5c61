'use client';

import type { Job } from '@quorate/shared/jobs';
import { useQuery } from '@tanstack/react-query';
import { Plus } from 'lucide-react';
import { parseAsBoolean, parseAsString, parseAsStringLiteral, useQueryState, useQueryStates } from 'nuqs';
import { useState } from 'react';
import { Page } from '@/components/page';
import { Tabs } from '@/components/ui/tabs';
import { WriteButton } from '@/components/write-button';
import { formatInt, plural } from '@/lib/format';
import { jobSummaryQuery } from '@/lib/queries';
import { JobDetail } from './job-detail';
import { QUEUE_FILTERS, QueueTab } from './queue-tab';
import { SchedulesTab } from './schedules-tab';
import { SubmitDialog } from './submit-dialog';

/** One job when the address names one, else the queue and the schedules. */
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
        <AllJobs onOpen={(id) => void setOpened(id)} onSubmit={() => void setSubmitting(true)} />
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

const TABS = ['queue', 'schedules'] as const;

function AllJobs({ onOpen, onSubmit }: { onOpen: (id: string) => void; onSubmit: () => void }) {
  const [tab, setTab] = useQueryState('tab', parseAsStringLiteral(TABS).withDefault('queue'));
  const [, setFilters] = useQueryStates(QUEUE_FILTERS);
  const showJobs = (schedule: { id: string }) => {
    void setFilters({ state: null, schedule: schedule.id });
    void setTab('queue');
  };
  return (
    <Page
      title="Jobs"
      description={<Summary />}
      actions={
        <WriteButton needs="operator" variant="primary" onClick={onSubmit}>
          <Plus aria-hidden />
          Submit a job
        </WriteButton>
      }
    >
      <Tabs
        label="Jobs"
        value={tab}
        onValueChange={(value) => void setTab(value)}
        tabs={[
          { value: 'queue', label: 'Queue', content: <QueueTab onOpen={onOpen} /> },
          {
            value: 'schedules',
            label: 'Schedules',
            content: <SchedulesTab onOpenJob={onOpen} onShowJobs={showJobs} />,
          },
        ]}
      />
    </Page>
  );
}

function Summary() {
  const { data } = useQuery(jobSummaryQuery);
  if (!data) return 'Programs that run once, each attempt on one runner.';
  const { counts, dead_letters: dead } = data;
  const running = (counts.running ?? 0) + (counts.assigned ?? 0);
  const parts = [
    `${formatInt(running)} running`,
    `${formatInt(counts.queued ?? 0)} queued`,
    plural(dead, 'dead letter'),
  ];
  return parts.join(' · ');
}
