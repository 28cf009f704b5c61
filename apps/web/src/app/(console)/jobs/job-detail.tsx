'use client';

import { type Job, jobRoutes } from '@quorate/shared/jobs';
import { useQuery } from '@tanstack/react-query';
import { Ban, CopyPlus, RotateCcw } from 'lucide-react';
import Link from 'next/link';
import { toast } from 'sonner';
import { LabelChips } from '@/components/labels';
import { type Back, Page } from '@/components/page';
import { ProblemNotice } from '@/components/problem-notice';
import { ErrorState } from '@/components/states';
import { Time } from '@/components/time';
import { Notice } from '@/components/ui/notice';
import { Facts, Panel } from '@/components/ui/panel';
import { SkeletonRows } from '@/components/ui/skeleton';
import { JobBadge } from '@/components/work-status';
import { WriteButton } from '@/components/write-button';
import { asSentence } from '@/lib/format';
import { jobQuery } from '@/lib/queries';
import { useNow } from '@/lib/use-now';
import { useWrite } from '@/lib/use-write';
import { useTargetOptions } from '../backups/use-target-options';
import { Attempts } from './attempts';
import { canCancel, canRetry, formatDuration, jobTitle, runMs } from './job-words';
import { OutputPanel } from './output-panel';
import { ScheduleName } from './schedule-name';

interface JobDetailProps {
  id: string;
  onBack: () => void;
  onSubmitLike: (job: Job) => void;
}

/** One job: what it is, its attempts, what it writes. */
export function JobDetail({ id, onBack, onSubmitLike }: JobDetailProps) {
  const { data: job, error, refetch } = useQuery(jobQuery(id));
  const back = { label: 'All jobs', onBack };
  if (!job) {
    return (
      <Page title="Job" back={back}>
        <Panel flush>
          {error ? <ErrorState error={error} onRetry={() => void refetch()} /> : <SkeletonRows rows={6} />}
        </Panel>
      </Page>
    );
  }
  return <Loaded job={job} back={back} onSubmitLike={onSubmitLike} />;
}

interface LoadedProps {
  job: Job;
  back: Back;
  onSubmitLike: (job: Job) => void;
}

function Loaded({ job, back, onSubmitLike }: LoadedProps) {
  const params = { id: job.id };
  const refresh = ['jobs', 'runners'] as const;
  const cancel = useWrite(jobRoutes.cancel, { refresh, onSuccess: () => toast.success('The job is being cancelled') });
  const retry = useWrite(jobRoutes.retry, { refresh, onSuccess: () => toast.success('The job is in the queue again') });
  return (
    <Page
      title="Job"
      back={back}
      description={<span className="break-all font-mono text-xs">{jobTitle(job)}</span>}
      actions={
        <>
          <WriteButton needs="operator" onClick={() => onSubmitLike(job)}>
            <CopyPlus aria-hidden />
            Submit one like it
          </WriteButton>
          {canRetry(job) ? (
            <WriteButton needs="operator" pending={retry.pending} onClick={() => retry.run({ params })}>
              <RotateCcw aria-hidden />
              Retry
            </WriteButton>
          ) : null}
          {canCancel(job) ? (
            <WriteButton
              needs="operator"
              variant="danger"
              pending={cancel.pending}
              onClick={() => cancel.run({ params })}
            >
              <Ban aria-hidden />
              Cancel job
            </WriteButton>
          ) : null}
        </>
      }
    >
      <div className="space-y-4">
        <ProblemNotice error={cancel.error ?? retry.error} />
        {job.waiting_for ? (
          <Notice tone="warn" role="status" title="It waits">
            {asSentence(job.waiting_for)}
          </Notice>
        ) : null}
        <div className="grid gap-4 xl:grid-cols-[minmax(0,1fr)_22rem] xl:items-start">
          <div className="min-w-0 space-y-4">
            <OutputPanel key={job.id} job={job} />
            <Attempts job={job} />
          </div>
          <JobFacts job={job} />
        </div>
      </div>
    </Page>
  );
}

/** The schedule that submitted it; leads to all that it submitted. */
function ScheduleLink({ id }: { id: string }) {
  return (
    <Link href={`/jobs?schedule=${id}`} className="underline-offset-2 hover:underline">
      <ScheduleName id={id} />
    </Link>
  );
}

function JobFacts({ job }: { job: Job }) {
  const took = runMs(job, useNow());
  const { spec, retry } = job;
  const targets = useTargetOptions(spec.kind === 'backup' ? spec.target : undefined);
  const program = spec.kind === 'exec' ? spec : undefined;
  const env = Object.entries(program?.env ?? {});
  const items = [
    { label: 'State', value: <JobBadge job={job} /> },
    { label: 'Took', value: took === null ? '–' : formatDuration(took) },
    { label: 'Submitted', value: <Time at={job.created_at} show="both" /> },
    { label: 'By', value: job.schedule_id ? <ScheduleLink id={job.schedule_id} /> : job.created_by },
    ...(job.not_before && job.state === 'queued'
      ? [{ label: 'Not before', value: <Time at={job.not_before} show="both" /> }]
      : []),
    ...(job.finished_at ? [{ label: 'Finished', value: <Time at={job.finished_at} show="both" /> }] : []),
    { label: 'Kind', value: job.kind },
    { label: 'Priority', value: job.priority },
    {
      label: 'Attempts',
      value: retry.max_attempts === 1 ? '1, no retry' : `${retry.max_attempts}, first wait ${retry.backoff_seconds} s`,
    },
    ...(program
      ? [
          { label: 'Timeout', value: `${program.timeout_seconds} s` },
          { label: 'Runner labels', value: <LabelChips labels={program.labels} none="any runner" /> },
        ]
      : []),
    ...(spec.kind === 'backup'
      ? [
          { label: 'Target', value: targets.find(({ value }) => value === spec.target)?.label ?? spec.target },
          { label: 'Node', value: spec.node_id === null ? 'the leader' : `node ${spec.node_id}` },
        ]
      : []),
    ...(spec.kind === 'service.restart'
      ? [{ label: 'Services', value: spec.services.join(', ') || 'all of them' }]
      : []),
    ...(env.length > 0
      ? [{ label: 'Environment', value: env.map(([key, value]) => `${key}=${value}`).join(' '), mono: true }]
      : []),
    { label: 'Id', value: job.id, mono: true },
  ];
  return (
    <Panel title="Job">
      <Facts items={items} />
    </Panel>
  );
}
