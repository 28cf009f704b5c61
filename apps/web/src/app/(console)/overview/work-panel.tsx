'use client';

import { ArrowRight } from 'lucide-react';
import Link from 'next/link';
import { Panel } from '@/components/ui/panel';
import { formatInt, plural } from '@/lib/format';
import { summaryOf } from '../runners/filter';
import type { Work } from './use-work';

function lines({ runners, services, jobs }: Work): { href: string; label: string; text: string }[] {
  const { online, total, used, capacity } = summaryOf(runners);
  const desired = services.reduce((sum, { replicas }) => sum + replicas.desired, 0);
  const healthy = services.reduce((sum, { replicas }) => sum + replicas.healthy, 0);
  const { counts, dead_letters: dead } = jobs;
  const running = (counts.running ?? 0) + (counts.assigned ?? 0);
  return [
    {
      href: '/services',
      label: 'Services',
      text: services.length === 0 ? 'none' : `${services.length} · ${healthy} of ${plural(desired, 'replica')} healthy`,
    },
    {
      href: '/jobs',
      label: 'Jobs',
      text: `${formatInt(running)} running · ${formatInt(counts.queued ?? 0)} queued · ${plural(dead, 'dead letter')}`,
    },
    {
      href: '/runners',
      label: 'Runners',
      text: `${online} of ${total} online · ${used} of ${plural(capacity, 'slot')} taken`,
    },
  ];
}

/** What the cluster runs, in a line each. */
export function WorkPanel({ work }: { work: Work | undefined }) {
  if (!work) return null;
  return (
    <Panel title="Work" flush>
      <ul className="divide-y">
        {lines(work).map(({ href, label, text }) => (
          <li key={href}>
            <Link href={href} className="flex items-center gap-2 px-3.5 py-2.5 hover:bg-sunken">
              <span className="w-20 shrink-0 font-medium text-ink">{label}</span>
              <span className="min-w-0 flex-1 text-ink-2">{text}</span>
              <ArrowRight aria-hidden className="size-3.5 shrink-0 text-ink-3" />
            </Link>
          </li>
        ))}
      </ul>
    </Panel>
  );
}
