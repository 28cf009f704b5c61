'use client';

import type { MintedJoinToken } from '@quorate/shared/join-tokens';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { Download, Hourglass, TimerOff } from 'lucide-react';
import { useState } from 'react';
import { Command } from '@/components/code';
import { JoinProgress } from '@/components/join-progress';
import { LabelChips } from '@/components/labels';
import { Badge } from '@/components/ui/badge';
import { Button } from '@/components/ui/button';
import { Notice } from '@/components/ui/notice';
import { RunnerBadge } from '@/components/work-status';
import { downloadText } from '@/lib/clipboard';
import { asSentence, formatCountdown, plural } from '@/lib/format';
import { joinsQuery, runnersQuery } from '@/lib/queries';
import { serverNow } from '@/lib/server-clock';
import { useNow } from '@/lib/use-now';

const JOIN_POLL_MS = 1000;

/** The secret, once: command, string, fingerprint, countdown, file; and the joins made with it, live. */
export function MintedToken({ minted }: { minted: MintedJoinToken }) {
  return (
    <div className="space-y-4">
      {minted.warnings.map((warning) => (
        <Notice key={warning} tone="warn">
          {asSentence(warning)}
        </Notice>
      ))}
      <Labelled label="Join command" aside={<Countdown minted={minted} />}>
        <Command text={minted.join_command} what="join command" />
      </Labelled>
      <Labelled label="Join string">
        <Command text={minted.join_string} what="join string" />
      </Labelled>
      <Labelled label="CA fingerprint, to compare on the new host">
        <Command text={minted.ca_fingerprint} what="CA fingerprint" />
      </Labelled>
      {minted.kind === 'cluster' ? <TokenFile minted={minted} /> : null}
      {minted.kind === 'cluster' ? <NodesArriving minted={minted} /> : <RunnersArriving minted={minted} />}
    </div>
  );
}

/** For hosts where the process table is not to show the token; a runner takes its join string alone. */
function TokenFile({ minted }: { minted: MintedJoinToken }) {
  return (
    <div className="flex flex-wrap items-center gap-x-3 gap-y-2">
      <Button onClick={() => downloadText('quorate-join-token', `${minted.token}\n`)}>
        <Download aria-hidden />
        Download the token as a file
      </Button>
      <p className="min-w-0 flex-1 basis-56 text-ink-3 text-xs">
        For <code className="font-mono">--token-path</code> (with <code className="font-mono">--url</code> and{' '}
        <code className="font-mono">--ca-fingerprint</code>), which keeps it out of the process table. The file is
        removed after the join.
      </p>
    </div>
  );
}

function NodesArriving({ minted }: { minted: MintedJoinToken }) {
  const joins = useQuery({ ...joinsQuery, refetchInterval: JOIN_POLL_MS });
  const mine = (joins.data?.items ?? []).filter((join) => join.token_id === minted.id);
  return (
    <Arrivals wait="Waiting for the first host to use it. Its stages show here." none={mine.length === 0}>
      {mine.map((join) => (
        <div key={join.node_id} className="px-3 py-3">
          <JoinProgress join={join} />
        </div>
      ))}
    </Arrivals>
  );
}

/** Runners that joined since the token was minted: with this token, unless another one is used at the same time. */
function RunnersArriving({ minted }: { minted: MintedJoinToken }) {
  const runners = useInfiniteQuery({ ...runnersQuery, refetchInterval: JOIN_POLL_MS });
  const mine = (runners.data?.pages.flatMap((page) => page.items) ?? []).filter(
    ({ node_id, joined_at }) => node_id === null && joined_at >= minted.created_at,
  );
  return (
    <Arrivals wait="Waiting for the first host to use it. The runner shows here." none={mine.length === 0}>
      {mine.map((runner) => (
        <div key={runner.id} className="flex flex-wrap items-center gap-x-3 gap-y-1 px-3 py-3">
          <RunnerBadge status={runner.status} />
          <span className="font-medium text-ink">{runner.name}</span>
          <span className="text-ink-2">{plural(runner.capacity, 'slot')}</span>
          <LabelChips labels={runner.labels} none="no labels" />
        </div>
      ))}
    </Arrivals>
  );
}

function Arrivals({ wait, none, children }: { wait: string; none: boolean; children: React.ReactNode }) {
  return (
    <section aria-label="Joins with this token" aria-live="polite" className="rounded-md border">
      {none ? (
        <p className="flex items-center gap-2.5 px-3 py-3 text-ink-2">
          <Hourglass aria-hidden className="size-4 shrink-0 text-ink-3" />
          {wait}
        </p>
      ) : (
        <div className="divide-y">{children}</div>
      )}
    </section>
  );
}

interface LabelledProps {
  label: string;
  aside?: React.ReactNode;
  children: React.ReactNode;
}

const Labelled = ({ label, aside, children }: LabelledProps) => (
  <div>
    <p className="mb-1 flex items-center justify-between gap-2 font-medium text-ink text-xs">
      {label}
      {aside}
    </p>
    {children}
  </div>
);

/** Time left by the lifetime the server gave, so that a wrong clock here does not matter. */
function Countdown({ minted }: { minted: MintedJoinToken }) {
  const lifetimeMs = Date.parse(minted.expires_at) - Date.parse(minted.created_at);
  const [endsAtMs] = useState(() => serverNow() + lifetimeMs);
  const left = Math.min(endsAtMs - useNow(), lifetimeMs) / 1000;
  return left > 0 ? (
    <Badge tone={left < 120 ? 'warn' : 'plain'} icon={Hourglass}>
      <span role="timer" aria-label="Time left">
        {formatCountdown(left)}
      </span>
      left
    </Badge>
  ) : (
    <Badge tone="bad" icon={TimerOff}>
      Expired
    </Badge>
  );
}
