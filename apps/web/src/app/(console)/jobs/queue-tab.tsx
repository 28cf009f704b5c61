'use client';

import { JOB_STATES, jobRoutes } from '@quorate/shared/jobs';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { RotateCcw, SearchX, SquareTerminal } from 'lucide-react';
import { parseAsString, parseAsStringLiteral, useQueryStates } from 'nuqs';
import { toast } from 'sonner';
import { ListStates } from '@/components/list-states';
import { ProblemNotice } from '@/components/problem-notice';
import { EmptyState } from '@/components/states';
import { Button } from '@/components/ui/button';
import { Notice } from '@/components/ui/notice';
import { Panel } from '@/components/ui/panel';
import { Select } from '@/components/ui/select';
import { JOB } from '@/components/work-status';
import { WriteButton } from '@/components/write-button';
import { formatInt, plural } from '@/lib/format';
import { type JobFilter, jobSummaryQuery, jobsQuery } from '@/lib/queries';
import { useWrite } from '@/lib/use-write';
import { JobList } from './job-list';
import { ScheduleName } from './schedule-name';

export const QUEUE_FILTERS = { state: parseAsStringLiteral(JOB_STATES), schedule: parseAsString };

/** The queue, newest first; failed ones are the dead letters. */
export function QueueTab({ onOpen }: { onOpen: (id: string) => void }) {
  const [{ state, schedule }, setFilters] = useQueryStates(QUEUE_FILTERS);
  const summary = useQuery(jobSummaryQuery);
  const filter: JobFilter = { ...(state ? { state } : {}), ...(schedule ? { schedule_id: schedule } : {}) };
  const jobs = useInfiniteQuery(jobsQuery(filter));
  const items = jobs.data?.pages.flatMap((page) => page.items) ?? [];
  const filtered = state !== null || schedule !== null;
  const clear = () => void setFilters({ state: null, schedule: null });
  const options = [
    { value: '', label: 'All jobs' },
    ...JOB_STATES.map((each) => {
      const count = summary.data?.counts[each];
      return { value: each, label: `${JOB[each][0]}${count ? ` (${formatInt(count)})` : ''}` };
    }),
  ];
  return (
    <div className="space-y-4">
      {items.length > 0 || filtered ? (
        <search className="flex flex-wrap items-center gap-2">
          <Select
            aria-label="State"
            className="w-full sm:w-44"
            options={options}
            value={state ?? ''}
            onChange={(event) =>
              void setFilters({ state: JOB_STATES.find((value) => value === event.target.value) ?? null })
            }
          />
          {schedule ? (
            <span className="text-ink-2">
              of <ScheduleName id={schedule} />
            </span>
          ) : null}
          {filtered ? (
            <Button variant="ghost" onClick={clear}>
              Clear
            </Button>
          ) : null}
        </search>
      ) : null}
      {state === 'failed' ? <DeadLetters schedule={schedule} /> : null}
      <Panel flush>
        <ListStates
          query={jobs}
          count={items.length}
          rows={6}
          empty={
            filtered ? (
              <EmptyState
                icon={SearchX}
                title="No such job"
                cli={`quorate job list${state ? ` --state ${state}` : ''}`}
                action={<Button onClick={clear}>Show all jobs</Button>}
              />
            ) : (
              <EmptyState icon={SquareTerminal} title="No job yet" cli="quorate job run -- /bin/echo hello">
                Submit one: it goes to a runner that has a free slot and the labels it asks for.
              </EmptyState>
            )
          }
        >
          <JobList jobs={items} onOpen={onOpen} />
        </ListStates>
      </Panel>
    </div>
  );
}

/** Failed jobs are kept until somebody retries them, or newer ones push them out. */
function DeadLetters({ schedule }: { schedule: string | null }) {
  const { data } = useQuery(jobSummaryQuery);
  const retry = useWrite(jobRoutes.retryDeadLetters, {
    refresh: ['jobs', 'runners'],
    onSuccess: ({ retried, left }) =>
      toast.success(`${plural(retried, 'job')} in the queue again${left > 0 ? `, ${left} left` : ''}`),
  });
  const count = data?.dead_letters ?? 0;
  if (!data || count === 0) return null;
  return (
    <div className="space-y-3">
      <Notice
        tone="plain"
        title={plural(count, 'dead letter')}
        actions={
          <WriteButton
            needs="operator"
            size="sm"
            pending={retry.pending}
            onClick={() => retry.run({ body: schedule ? { schedule_id: schedule } : {} })}
          >
            <RotateCcw aria-hidden />
            {schedule ? 'Retry those of this schedule' : 'Retry all of them'}
          </WriteButton>
        }
      >
        Their attempts are used up. The newest {formatInt(data.limits.kept_dead_letters)} are kept.
      </Notice>
      <ProblemNotice error={retry.error} />
    </div>
  );
}
