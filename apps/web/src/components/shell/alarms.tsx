'use client';

import { type Alarm, isClearable } from '@quorate/shared/alarms';
import { useQuery } from '@tanstack/react-query';
import { BellRing, CircleCheck, OctagonAlert, TriangleAlert } from 'lucide-react';
import Link from 'next/link';
import { useState } from 'react';
import { alarmPlace } from '@/lib/alarm-place';
import { plural } from '@/lib/format';
import { useStreaming } from '@/lib/live';
import { alarmsQuery } from '@/lib/queries';
import { ErrorState } from '../states';
import { Time } from '../time';
import { Badge } from '../ui/badge';
import { Button } from '../ui/button';
import { Dialog } from '../ui/dialog';
import { AlarmClearDialog } from './alarm-clear';

/** Alarms of other nodes reach the answering one by its polls, without an event. */
const POLL_STREAMING_MS = 10_000;
const POLL_MS = 4_000;

/** How many alarms are in force, on every page; opens what they are and what to do. */
export function Alarms() {
  const [open, setOpen] = useState(false);
  const [clearing, setClearing] = useState<string | null>(null);
  const streaming = useStreaming();
  const alarms = useQuery({ ...alarmsQuery, refetchInterval: streaming ? POLL_STREAMING_MS : POLL_MS });
  const items = alarms.data?.items ?? [];
  const critical = items.some(({ severity }) => severity === 'critical');
  const startClearing = (code: string) => {
    setOpen(false);
    setClearing(code);
  };
  return (
    <>
      <Button
        variant="ghost"
        className="gap-1.5 px-2"
        aria-label={items.length > 0 ? `${plural(items.length, 'alarm')}, show them` : 'No alarms'}
        onClick={() => setOpen(true)}
      >
        {items.length === 0 ? (
          <BellRing aria-hidden />
        ) : (
          <Badge tone={critical ? 'bad' : 'warn'} icon={critical ? OctagonAlert : TriangleAlert}>
            {items.length}
            <span className="max-sm:sr-only"> {items.length === 1 ? 'alarm' : 'alarms'}</span>
          </Badge>
        )}
      </Button>
      <Dialog
        open={open}
        onOpenChange={setOpen}
        width="wide"
        title={items.length > 0 ? plural(items.length, 'alarm') : 'No alarms'}
        description="What is wrong on any member that answers, and what to do about it."
      >
        {alarms.isError ? <ErrorState error={alarms.error} onRetry={() => void alarms.refetch()} /> : null}
        {alarms.isSuccess && items.length === 0 ? (
          <p className="flex items-center gap-2 text-ink-2">
            <CircleCheck aria-hidden className="size-4 text-ok" /> Nothing is wrong with the cluster. What its services
            and jobs need is on the Overview.
          </p>
        ) : null}
        <ul className="divide-y">
          {items.map((alarm) => (
            <AlarmItem
              key={`${alarm.code}/${alarm.node_id}/${alarm.subject}`}
              alarm={alarm}
              onClear={startClearing}
              onLeave={() => setOpen(false)}
            />
          ))}
        </ul>
      </Dialog>
      {clearing !== null && isClearable(clearing) ? (
        <AlarmClearDialog code={clearing} onClose={() => setClearing(null)} />
      ) : null}
    </>
  );
}

interface AlarmItemProps {
  alarm: Alarm;
  onClear: (code: string) => void;
  onLeave: () => void;
}

function AlarmItem({ alarm, onClear, onLeave }: AlarmItemProps) {
  const critical = alarm.severity === 'critical';
  const place = alarmPlace(alarm);
  return (
    <li className="space-y-1 py-3 first:pt-0 last:pb-0">
      <p className="flex flex-wrap items-center gap-2">
        <Badge tone={critical ? 'bad' : 'warn'} icon={critical ? OctagonAlert : TriangleAlert}>
          {critical ? 'Critical' : 'Warning'}
        </Badge>
        <code className="font-mono text-ink-2 text-xs">{alarm.code}</code>
        <span className="text-ink-3 text-xs">
          {alarm.node_id === null ? 'cluster' : `node ${alarm.node_id}`} · since <Time at={alarm.since} />
        </span>
      </p>
      <p className="text-ink">{alarm.message}</p>
      {alarm.cure ? <p className="text-ink-2">To do: {alarm.cure}</p> : null}
      {place ? (
        <Link
          href={place.href}
          onClick={onLeave}
          className="inline-block font-medium text-accent underline-offset-2 hover:underline"
        >
          {place.label}
        </Link>
      ) : null}
      {alarm.clearable ? (
        <Button size="sm" onClick={() => onClear(alarm.code)}>
          Show the steps that clear it
        </Button>
      ) : null}
    </li>
  );
}
