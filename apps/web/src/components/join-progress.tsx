'use client';

import { JOIN_STAGES, type Join, type JoinStage } from '@quorate/shared/joins';
import { Check, CircleCheck, Loader2, TriangleAlert } from 'lucide-react';
import { cn } from '@/lib/cn';
import { asSentence } from '@/lib/format';
import { Time } from './time';
import { Badge } from './ui/badge';

const WORDS: Record<JoinStage, string> = {
  reached: 'Reached',
  pinned: 'Pinned',
  admitted: 'Admitted',
  certificate_issued: 'Certificate',
  learner: 'Learner',
  caught_up: 'Caught up',
  voter: 'Voter',
};

type Mark = 'done' | 'current' | 'ahead';

function markOf(join: Join, position: number): Mark {
  const reached = JOIN_STAGES.indexOf(join.stage);
  if (join.state === 'done' || position <= reached) return 'done';
  return position === reached + 1 ? 'current' : 'ahead';
}

function StageMark({ mark, stuck }: { mark: Mark; stuck: boolean }) {
  return (
    <span
      className={cn(
        'flex size-4.5 shrink-0 items-center justify-center rounded-full border',
        mark === 'done' && 'border-ok bg-ok text-surface',
        mark === 'current' && (stuck ? 'border-warn text-warn' : 'border-accent text-accent'),
        mark === 'ahead' && 'border-line-strong',
      )}
    >
      {mark === 'done' ? <Check aria-hidden className="size-3" strokeWidth={3} /> : null}
      {mark === 'current' && !stuck ? <Loader2 aria-hidden className="size-3 animate-spin" /> : null}
    </span>
  );
}

function StateBadge({ state }: { state: Join['state'] }) {
  if (state === 'done') {
    return (
      <Badge tone="ok" icon={CircleCheck}>
        Joined
      </Badge>
    );
  }
  return state === 'running' ? (
    <Badge tone="info" icon={Loader2}>
      Joining
    </Badge>
  ) : (
    <Badge tone="warn" icon={TriangleAlert}>
      Dangling
    </Badge>
  );
}

/** One join: who, the stages passed and the one it is in. */
export function JoinProgress({ join }: { join: Join }) {
  const percent = join.caught_up_percent;
  return (
    <article aria-label={`Join of ${join.node_name}`} className="space-y-2.5">
      <header className="flex flex-wrap items-center gap-x-2.5 gap-y-1">
        <span className="font-medium text-ink">{join.node_name}</span>
        <span className="text-ink-3 text-xs">
          node {join.node_id} · <span className="font-mono">{join.address}</span>
        </span>
        <span className="ml-auto flex items-center gap-2">
          <Time at={join.updated_at} className="text-ink-3 text-xs" />
          <StateBadge state={join.state} />
        </span>
      </header>
      <ol className="flex flex-wrap gap-x-1 gap-y-1.5" aria-label="Stages">
        {JOIN_STAGES.map((stage, position) => {
          const mark = markOf(join, position);
          return (
            <li
              key={stage}
              aria-current={mark === 'current' ? 'step' : undefined}
              className={cn('flex items-center gap-1.5 pr-2 text-xs', mark === 'ahead' ? 'text-ink-3' : 'text-ink')}
            >
              <StageMark mark={mark} stuck={join.state === 'dangling'} />
              {WORDS[stage]}
              {stage === 'caught_up' && mark === 'current' && percent !== null ? ` ${Math.floor(percent)} %` : ''}
              <span className="sr-only">{mark === 'done' ? '(done)' : ''}</span>
            </li>
          );
        })}
      </ol>
      {join.detail ? <p className="text-ink-2 text-xs">{asSentence(join.detail)}</p> : null}
    </article>
  );
}
