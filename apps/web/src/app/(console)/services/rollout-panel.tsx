import type { Service } from '@quorate/shared/services';
import { CircleX, RefreshCw, Undo2 } from 'lucide-react';
import { ShareBar } from '@/components/share-bar';
import { Time } from '@/components/time';
import { type Look, LookBadge } from '@/components/ui/badge';
import { Panel } from '@/components/ui/panel';
import { asSentence, formatInt, plural } from '@/lib/format';
import { failureOf } from './service-words';

type Rollout = Service['rollout'];

const LOOK: Record<Exclude<Rollout['state'], 'idle'>, Look> = {
  running: ['Running', 'info', RefreshCw],
  failed: ['Failed', 'bad', CircleX],
  rolled_back: ['Rolled back', 'warn', Undo2],
};

/** How far the last update has come; nothing when it went well. */
export function RolloutPanel({ service: { rollout, revision, replicas } }: { service: Service }) {
  if (rollout.state === 'idle' || (rollout.state === 'running' && revision === 1)) return null;
  const [word, tone, icon] = LOOK[rollout.state];
  const total = replicas.desired;
  return (
    <Panel title={rollout.state === 'rolled_back' ? 'Last update' : `Rollout of revision ${revision}`}>
      <div className="space-y-2.5" aria-live="polite">
        <div className="flex flex-wrap items-center gap-x-3 gap-y-1">
          <LookBadge look={[word, tone, icon]} />
          <span className="text-ink">
            {rollout.updated} of {plural(total, 'replica')} healthy with revision {revision}
            {rollout.waiting > 0 ? `; ${formatInt(rollout.waiting)} waiting for their turn` : null}
          </span>
          <span className="ml-auto text-ink-3 text-xs">
            <Time at={rollout.since} />
          </span>
        </div>
        <ShareBar
          share={total === 0 ? 1 : rollout.updated / total}
          tone={rollout.state === 'failed' ? 'bad' : rollout.state === 'running' ? 'accent' : 'warn'}
        />
        {rollout.detail ? <p className="break-words text-ink-2">{asSentence(failureOf(rollout.detail))}</p> : null}
      </div>
    </Panel>
  );
}
