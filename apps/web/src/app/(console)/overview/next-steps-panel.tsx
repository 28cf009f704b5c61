'use client';

import type { Cluster } from '@quorate/shared/cluster';
import type { Join } from '@quorate/shared/joins';
import { useQuery } from '@tanstack/react-query';
import { ArrowRight, CircleCheck, Info, TriangleAlert } from 'lucide-react';
import Link from 'next/link';
import { TONE_TEXT } from '@/components/ui/badge';
import { Panel } from '@/components/ui/panel';
import { cn } from '@/lib/cn';
import { alarmsQuery } from '@/lib/queries';
import { useNow } from '@/lib/use-now';
import { type NextStep, nextSteps } from './next-steps';
import type { Work } from './use-work';

interface NextStepsProps {
  cluster: Cluster;
  joins: readonly Join[];
  work: Work | undefined;
}

export function NextSteps({ cluster, joins, work }: NextStepsProps) {
  const { data: alarms } = useQuery(alarmsQuery);
  const steps = nextSteps(cluster, joins, useNow(), alarms?.items, work);
  return (
    <Panel title="Next steps" flush>
      {steps.length === 0 ? (
        <p className="flex items-center gap-2.5 px-3.5 py-3 text-ink-2">
          <CircleCheck aria-hidden className="size-4 shrink-0 text-ok" />
          Nothing needs you now.
        </p>
      ) : (
        <ul className="divide-y">
          {steps.map((step) => (
            <Step key={step.key} step={step} />
          ))}
        </ul>
      )}
    </Panel>
  );
}

function Step({ step }: { step: NextStep }) {
  const Icon = step.tone === 'info' ? Info : TriangleAlert;
  return (
    <li className="flex gap-2.5 px-3.5 py-3">
      <Icon aria-hidden className={cn('mt-0.5 size-4 shrink-0', TONE_TEXT[step.tone])} />
      <div className="min-w-0">
        <p className="font-medium text-ink">{step.title}</p>
        <p className="break-words text-ink-2">{step.text}</p>
        {step.link ? (
          <Link
            href={step.link.href}
            className="mt-1 inline-flex items-center gap-1 font-medium text-accent underline-offset-2 hover:underline"
          >
            {step.link.label}
            <ArrowRight aria-hidden className="size-3.5" />
          </Link>
        ) : null}
      </div>
    </li>
  );
}
