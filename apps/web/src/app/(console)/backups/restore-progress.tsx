'use client';

import { RESTORE_STAGES, type RestoreOperation, type RestoreStage } from '@quorate/shared/restore';
import { Circle, CircleCheck, CircleX, LoaderCircle } from 'lucide-react';
import { Time } from '@/components/time';
import { Notice } from '@/components/ui/notice';
import { Panel } from '@/components/ui/panel';
import { cn } from '@/lib/cn';
import { asSentence, formatInt } from '@/lib/format';

const WORDS: Record<RestoreStage, string> = {
  fetching: 'Fetch the file',
  checking: 'Check the file',
  safety_backup: 'Copy the present state to a safe place',
  preparing: 'Bring the file to this version',
  staging: 'Stage it on the members',
  switching: 'Switch every node to it',
  finishing: 'Wait for the other members',
};

type Mark = 'done' | 'now' | 'failed' | 'open';

function markOf(stage: RestoreStage, operation: RestoreOperation): Mark {
  const [place, current] = [RESTORE_STAGES.indexOf(stage), RESTORE_STAGES.indexOf(operation.stage)];
  if (operation.state === 'succeeded' || place < current) return 'done';
  if (place > current) return 'open';
  return operation.state === 'failed' ? 'failed' : 'now';
}

const LOOK = {
  done: [CircleCheck, 'text-ok'],
  now: [LoaderCircle, 'animate-spin text-accent motion-reduce:animate-none'],
  failed: [CircleX, 'text-bad'],
  open: [Circle, 'text-ink-3'],
} as const;

const SPOKEN: Record<Mark, string> = { done: 'done', now: 'under way', failed: 'failed', open: 'not yet' };

/** The stages of a restore, each with where it stands. */
export function RestoreProgress({ operation }: { operation: RestoreOperation }) {
  const { error, file } = operation;
  return (
    <div className="space-y-4">
      <ol className="space-y-1.5">
        {RESTORE_STAGES.map((stage) => {
          const mark = markOf(stage, operation);
          const [Icon, color] = LOOK[mark];
          return (
            <li key={stage} className="flex items-center gap-2">
              <Icon aria-hidden className={cn('size-4 shrink-0', color)} />
              <span className={mark === 'open' ? 'text-ink-3' : 'text-ink'}>{WORDS[stage]}</span>
              <span className="sr-only">{SPOKEN[mark]}</span>
            </li>
          );
        })}
      </ol>
      {operation.nodes.length > 1 ? (
        <p className="text-ink-2">{operation.nodes.map(({ name, state }) => `${name}: ${state}`).join(' · ')}</p>
      ) : null}
      {error ? (
        <Notice
          tone="bad"
          role="alert"
          title={operation.epoch === null ? 'It failed; nothing was changed' : 'It did not finish everywhere'}
        >
          {asSentence(error.detail)}
        </Notice>
      ) : null}
      {operation.state === 'succeeded' ? (
        <Notice tone="ok" role="status" title="The restored state is in force">
          {file ? (
            <p>
              Index {formatInt(file.index)} of epoch {file.epoch}, last changed <Time at={file.last_change_at} />; epoch{' '}
              {operation.epoch} has begun.
            </p>
          ) : null}
          {operation.safety_backup ? (
            <p className="break-all">
              The state from before: <code className="font-mono text-xs">{operation.safety_backup}</code>
            </p>
          ) : null}
        </Notice>
      ) : null}
    </div>
  );
}

/** A restore that somebody has started, on top of the page. */
export function RestorePanel({ operation }: { operation: RestoreOperation }) {
  return (
    <Panel title={`Restoring ${operation.source}`} className="mb-4">
      <RestoreProgress operation={operation} />
    </Panel>
  );
}
