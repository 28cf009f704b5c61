'use client';

import { type AlarmStep, alarmRoutes, type ClearableAlarm } from '@quorate/shared/alarms';
import { useQuery } from '@tanstack/react-query';
import { CircleAlert, CircleCheck, CircleDashed, LoaderCircle, type LucideIcon } from 'lucide-react';
import { alarmClearingQuery } from '@/lib/queries';
import { useWrite } from '@/lib/use-write';
import { ProblemNotice } from '../problem-notice';
import { ErrorState } from '../states';
import { Button } from '../ui/button';
import { Dialog } from '../ui/dialog';
import { Skeleton } from '../ui/skeleton';
import { WriteButton } from '../write-button';

const LOOK: Record<AlarmStep['state'], { word: string; icon: LucideIcon; tone: string }> = {
  waiting: { word: 'to do', icon: CircleDashed, tone: 'text-ink-3' },
  running: { word: 'running', icon: LoaderCircle, tone: 'animate-spin text-accent motion-reduce:animate-none' },
  done: { word: 'done', icon: CircleCheck, tone: 'text-ok' },
  failed: { word: 'failed', icon: CircleAlert, tone: 'text-bad' },
};

/** The steps that clear an alarm of etcd: shown first, then carried out and followed. */
export function AlarmClearDialog({ code, onClose }: { code: ClearableAlarm; onClose: () => void }) {
  const start = useWrite(alarmRoutes.clear, { refresh: ['alarms'] });
  const clearing = useQuery(alarmClearingQuery(code));
  const startedId = start.data?.id;
  const latest = clearing.data?.operation;
  const followed = startedId && latest?.id === startedId ? latest : start.data;
  const running = latest?.state === 'running' ? latest : undefined;
  const shown = followed ?? running ?? clearing.data?.plan;
  const busy = shown?.state === 'running';
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      width="wide"
      title={`Clear ${code}`}
      description="Each step is safe by itself and can be repeated. Members are defragmented one at a time."
      footer={
        <>
          <Button onClick={onClose}>Close</Button>
          {shown?.state === 'succeeded' ? null : (
            <WriteButton
              needs="admin"
              variant="primary"
              pending={start.pending || busy}
              onClick={() => start.run({ params: { code } })}
            >
              {shown?.state === 'failed' ? 'Try again' : 'Take these steps'}
            </WriteButton>
          )}
        </>
      }
    >
      <ProblemNotice error={start.error} />
      {clearing.isError && !shown ? <ErrorState error={clearing.error} /> : null}
      {shown ? <Steps steps={shown.steps} /> : clearing.isPending ? <Skeleton className="h-40 w-full" /> : null}
    </Dialog>
  );
}

function Steps({ steps }: { steps: readonly AlarmStep[] }) {
  return (
    <ol className="space-y-3" aria-live="polite">
      {steps.map(({ name, member, state, detail }) => {
        const { word, icon: Icon, tone } = LOOK[state];
        return (
          <li key={`${name}/${member}`} className="flex items-start gap-2.5">
            <Icon aria-hidden className={`mt-0.5 size-4 shrink-0 ${tone}`} />
            <div className="min-w-0">
              <p className="font-medium text-ink">
                {name}
                {member ? ` ${member}` : ''} <span className="font-normal text-ink-3 text-xs">{word}</span>
              </p>
              <p className="break-words text-ink-2">{detail}</p>
            </div>
          </li>
        );
      })}
    </ol>
  );
}
