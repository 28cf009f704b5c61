'use client';

import type { CaRotationView } from '@quorate/shared/keys';
import { keyRoutes } from '@quorate/shared/keys';
import { CircleCheck, Clock, LoaderCircle } from 'lucide-react';
import { CopyButton } from '@/components/copy-button';
import { ProblemNotice } from '@/components/problem-notice';
import { Badge } from '@/components/ui/badge';
import { Notice } from '@/components/ui/notice';
import { WriteButton } from '@/components/write-button';
import { useWrite } from '@/lib/use-write';

const STAGES = {
  trusting: 'Every member learns to trust the new CA beside the old one.',
  ready: 'Every member trusts the new CA beside the old one.',
  reissuing: 'Every member gets a certificate of the new CA.',
  dropping: 'Every member stops to trust the old CA.',
  finished: 'Done.',
} as const;

const STATES = {
  waiting: { word: 'waits', tone: 'plain', icon: Clock },
  working: { word: 'at work', tone: 'info', icon: LoaderCircle },
  done: { word: 'done', tone: 'ok', icon: CircleCheck },
} as const;

/** A change of the CA that is under way. */
export function CaRotation({ rotation, caPem }: { rotation: CaRotationView; caPem: string }) {
  return (
    <div className="space-y-3 border-b p-3.5">
      <div className="flex flex-wrap items-baseline justify-between gap-x-4">
        <p className="font-medium" role="status">
          The CA is being replaced. {STAGES[rotation.stage]}
        </p>
        <p className="text-ink-3 tabular-nums">{rotation.percent} %</p>
      </div>
      <progress className="sr-only" max={100} value={rotation.percent} aria-label="Progress of the CA rotation" />
      <div aria-hidden className="h-1.5 overflow-hidden rounded-full bg-hover">
        <div className="h-full rounded-full bg-accent transition-[width]" style={{ width: `${rotation.percent}%` }} />
      </div>
      <ul className="flex flex-wrap gap-2">
        {rotation.nodes.map(({ id, name, state }) => (
          <li key={id}>
            <Badge tone={STATES[state].tone} icon={STATES[state].icon}>
              {name} {STATES[state].word}
            </Badge>
          </li>
        ))}
      </ul>
      {rotation.stage === 'ready' ? <Continue caPem={caPem} /> : null}
      {rotation.waiting_for && rotation.stage !== 'ready' ? (
        <Notice tone="warn" title="It is held up">
          {rotation.waiting_for}.
        </Notice>
      ) : null}
    </div>
  );
}

/** Nothing changes until people say that everybody else who trusts the CA is prepared. */
function Continue({ caPem }: { caPem: string }) {
  const go = useWrite(keyRoutes.continueCaRotation, { refresh: ['keys', 'cluster'] });
  return (
    <Notice tone="warn" title="It waits for you">
      <div className="space-y-2">
        <p>
          Give the certificates of both CAs to load balancers (ca_path) and clients that check the nodes. Then continue:
          every member gets a certificate of the new CA.
        </p>
        <p className="flex flex-wrap items-center gap-2">
          <WriteButton needs="admin" size="sm" variant="primary" pending={go.pending} onClick={() => go.run({})}>
            Continue
          </WriteButton>
          <CopyButton text={caPem} what="certificates of both CAs" />
          <span className="text-ink-3 text-xs">Copy both certificates</span>
        </p>
        <ProblemNotice error={go.error} />
      </div>
    </Notice>
  );
}
