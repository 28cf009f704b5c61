'use client';

import type { Runner } from '@quorate/shared/runners';
import { useInfiniteQuery } from '@tanstack/react-query';
import Link from 'next/link';
import type { ComponentProps, ReactNode } from 'react';
import { LabelChips } from '@/components/labels';
import { ListStates } from '@/components/list-states';
import { Time } from '@/components/time';
import { Button } from '@/components/ui/button';
import { Dialog } from '@/components/ui/dialog';
import { Facts } from '@/components/ui/panel';
import { JobBadge } from '@/components/work-status';
import { asSentence, formatBytes } from '@/lib/format';
import { jobsQuery, servicesOnQuery } from '@/lib/queries';
import { useEveryPage } from '@/lib/use-every-page';
import { jobTitle } from '../jobs/job-words';
import { ReplicaBadge } from '../services/service-badges';
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
        <ReplicaPanel runner={runner} />
        <JobPanel runner={runner} />
      </div>
    </Dialog>
  );
}

/** What is placed on it, by name; what has just been placed there is not running yet. */
function ReplicaPanel({ runner }: { runner: Runner }) {
  const services = useInfiniteQuery(servicesOnQuery({ runner_id: runner.id }));
  const replicas = useEveryPage(services).flatMap(({ name, instances }) =>
    instances.filter(({ runner_id: id }) => id === runner.id).map((replica) => ({ ...replica, service: name })),
  );
  return (
    <Work title="Replicas" none="It has no replica now." query={services} count={replicas.length}>
      {replicas.map(({ service, ...replica }) => (
        <WorkItem
          key={`${service}/${replica.slot}`}
          badge={<ReplicaBadge replica={replica} />}
          href={`/services?service=${encodeURIComponent(service)}`}
          name={`${service}/${replica.slot}`}
          detail={replica.reason}
          since={replica.since}
          load={loadOf(runner, 'replica', `${service}/${replica.slot}`)}
        />
      ))}
    </Work>
  );
}

function JobPanel({ runner }: { runner: Runner }) {
  const jobs = useInfiniteQuery(jobsQuery({ runner_id: runner.id }));
  const items = useEveryPage(jobs);
  return (
    <Work title="Jobs" none="It has no job now." query={jobs} count={items.length}>
      {items.map((job) => (
        <WorkItem
          key={job.id}
          badge={<JobBadge job={job} />}
          href={`/jobs?job=${job.id}`}
          name={jobTitle(job)}
          since={job.attempts.at(-1)?.started_at ?? null}
          load={loadOf(runner, 'job', job.id)}
        />
      ))}
    </Work>
  );
}

/** How much a program uses, as its runner last measured it. */
function loadOf({ programs }: Runner, kind: 'job' | 'replica', name: string): string {
  const program = programs.find((each) => each.kind === kind && each.name === name);
  return program ? `${Math.round(program.cpu_percent)} % CPU · ${formatBytes(program.rss_bytes)}` : '';
}

interface WorkProps {
  title: string;
  none: string;
  query: ComponentProps<typeof ListStates>['query'];
  count: number;
  children: ReactNode;
}

const Work = ({ title, none, query, count, children }: WorkProps) => (
  <section aria-label={title}>
    <h3 className="mb-1.5 font-semibold text-ink">
      {title} {count > 0 ? <span className="font-normal text-ink-3">{count}</span> : null}
    </h3>
    <ListStates query={query} count={count} rows={2} empty={<p className="text-ink-2">{none}</p>}>
      <ul className="divide-y rounded-md border">{children}</ul>
    </ListStates>
  </section>
);

interface WorkItemProps {
  badge: ReactNode;
  href: string;
  name: string;
  detail?: string;
  since: string | null;
  load: string;
}

const WorkItem = ({ badge, href, name, detail, since, load }: WorkItemProps) => (
  <li className="flex flex-wrap items-start gap-x-3 gap-y-1 px-3 py-2">
    {badge}
    <span className="min-w-0 flex-1 basis-40">
      <Link href={href} className="block truncate font-mono text-ink text-xs underline-offset-2 hover:underline">
        {name}
      </Link>
      {detail ? <span className="block break-words text-ink-2 text-xs">{asSentence(detail)}</span> : null}
    </span>
    <span className="text-ink-3 text-xs">{load}</span>
    <Time at={since} className="text-ink-3 text-xs" />
  </li>
);
