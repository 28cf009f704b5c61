'use client';

import { type HaMode, type HaUpdate, haRoutes } from '@quorate/shared/ha';
import { Ban, CircleCheck, CircleDashed, CircleX, LoaderCircle, type LucideIcon } from 'lucide-react';
import { useState } from 'react';
import { ProblemNotice } from '@/components/problem-notice';
import { Time } from '@/components/time';
import { type Look, LookBadge } from '@/components/ui/badge';
import { Button } from '@/components/ui/button';
import { Dialog } from '@/components/ui/dialog';
import { Panel } from '@/components/ui/panel';
import { WriteButton } from '@/components/write-button';
import { cn } from '@/lib/cn';
import { asSentence } from '@/lib/format';
import { useWrite } from '@/lib/use-write';

const SPIN = 'animate-spin text-accent motion-reduce:animate-none';
const STEP: Record<HaUpdate['nodes'][number]['state'], { word: string; icon: LucideIcon; look: string }> = {
  waiting: { word: 'to do', icon: CircleDashed, look: 'text-ink-3' },
  draining: { word: 'draining', icon: LoaderCircle, look: SPIN },
  restarting: { word: 'restarting what it runs', icon: LoaderCircle, look: SPIN },
  checking: { word: 'waiting until it is healthy', icon: LoaderCircle, look: SPIN },
  done: { word: 'done', icon: CircleCheck, look: 'text-ok' },
  failed: { word: 'failed', icon: CircleX, look: 'text-bad' },
};
const UPDATE: Record<HaUpdate['state'], Look> = {
  running: ['Running', 'info', LoaderCircle],
  completed: ['Completed', 'ok', CircleCheck],
  failed: ['Stopped', 'bad', CircleX],
  cancelled: ['Cancelled', 'plain', Ban],
};

/** Updates the nodes one by one, and shows how far that has come. */
export function UpdatePanel({ ha: { update } }: { ha: HaMode }) {
  const [asking, setAsking] = useState(false);
  const cancel = useWrite(haRoutes.cancelUpdate, { refresh: ['ha'] });
  const running = update?.state === 'running';
  const canGoOn = update?.state === 'failed' || update?.state === 'cancelled';
  const action = running ? (
    <WriteButton needs="admin" size="sm" pending={cancel.pending} onClick={() => cancel.run({})}>
      Stop the update
    </WriteButton>
  ) : (
    <WriteButton needs="admin" size="sm" onClick={() => setAsking(true)}>
      {canGoOn ? 'Go on' : 'Update node by node'}
    </WriteButton>
  );
  return (
    <Panel title="Update" actions={action}>
      <div className="space-y-3">
        <ProblemNotice error={cancel.error} />
        {update ? (
          <UpdateProgress update={update} />
        ) : (
          <p className="text-ink-2">
            No update has been made. One takes a node out of the load balancer, starts what its runner has anew, and
            goes to the next node only when this one is healthy.
          </p>
        )}
      </div>
      {asking ? <UpdateDialog canGoOn={canGoOn} onClose={() => setAsking(false)} /> : null}
    </Panel>
  );
}

function UpdateProgress({ update }: { update: HaUpdate }) {
  const [word, tone, icon] = UPDATE[update.state];
  const done = update.nodes.filter(({ state }) => state === 'done').length;
  return (
    <div className="space-y-3" aria-live="polite">
      <p className="flex flex-wrap items-center gap-x-3 gap-y-1">
        <LookBadge look={[word, tone, icon]} />
        <span className="text-ink">
          {done} of {update.nodes.length} nodes
        </span>
        <span className="ml-auto text-ink-3 text-xs">
          by {update.started_by}, <Time at={update.finished_at ?? update.started_at} />
        </span>
      </p>
      {update.detail ? <p className="break-words text-ink-2">{asSentence(update.detail)}</p> : null}
      {update.ill_before.length > 0 ? (
        <p className="break-words text-warn">
          Failed already when it began, and do not stop it:{' '}
          {update.ill_before.map(({ service, slot }) => `replica ${slot} of ${service}`).join(', ')}
        </p>
      ) : null}
      <ol className="space-y-2">
        {update.nodes.map((node) => {
          const { word: step, icon: Icon, look } = STEP[node.state];
          return (
            <li
              key={node.node_id}
              className="flex items-start gap-2.5"
              aria-current={look === SPIN ? 'step' : undefined}
            >
              <Icon aria-hidden className={cn('mt-0.5 size-4 shrink-0', look)} />
              <div className="min-w-0">
                <p className="text-ink">
                  <span className="font-medium">{node.name}</span> <span className="text-ink-3 text-xs">{step}</span>
                </p>
                {node.detail ? <p className="break-words text-ink-2 text-xs">{asSentence(node.detail)}</p> : null}
              </div>
            </li>
          );
        })}
      </ol>
    </div>
  );
}

function UpdateDialog({ canGoOn, onClose }: { canGoOn: boolean; onClose: () => void }) {
  const start = useWrite(haRoutes.update, { refresh: ['ha', 'services', 'cluster'], onSuccess: onClose });
  const run = (fromStart: boolean) => start.run({ body: { from_start: fromStart } });
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={canGoOn ? 'Go on with the update' : 'Update node by node'}
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          {canGoOn ? (
            <Button pending={start.pending} onClick={() => run(true)}>
              Begin with the first node
            </Button>
          ) : null}
          <Button variant="primary" pending={start.pending} onClick={() => run(false)}>
            {canGoOn ? 'Go on where it stopped' : 'Start the update'}
          </Button>
        </>
      }
    >
      <div className="space-y-4">
        <p className="text-ink-2">
          One node after the other is taken out of the load balancer and what its runner has begins anew. The next node
          begins only when node and replicas are healthy; a failure stops the update. At the end all services restart,
          rolling.
        </p>
        <ProblemNotice error={start.error} />
      </div>
    </Dialog>
  );
}
