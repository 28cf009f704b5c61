'use client';

import type { Member } from '@quorate/shared/cluster';
import { TriangleAlert } from 'lucide-react';
import { cn } from '@/lib/cn';
import { formatInt } from '@/lib/format';
import { useNow } from '@/lib/use-now';
import { DrainedBadge, LeaderBadge, SuffrageBadge } from './status';
import { Time } from './time';

const CERTIFICATE_WARNING_MS = 14 * 86_400_000;

/** Name, id, and what it is in the cluster. */
export function MemberName({ member }: { member: Member }) {
  return (
    <div className="min-w-0">
      <p className="flex flex-wrap items-center gap-x-1.5 gap-y-1">
        <span className="font-medium text-ink">{member.name}</span>
        <SuffrageBadge suffrage={member.suffrage} />
        {member.leader ? <LeaderBadge /> : null}
        {member.drained ? <DrainedBadge /> : null}
      </p>
      <p className="text-ink-3 text-xs">
        node {member.id}
        {member.self ? ' · this node' : ''}
      </p>
    </div>
  );
}

/** How far a member is behind the tip. */
export function Lag({ lag }: { lag: number | null }) {
  if (lag === null) return <span className="text-ink-3">lag unknown</span>;
  if (lag === 0) return <span className="text-ink-2">at the tip</span>;
  return <span className={cn(lag > 100 && 'font-medium text-warn')}>{formatInt(lag)} behind</span>;
}

/** When a certificate ends, marked from two weeks before. */
export function Expiry({ at }: { at: string | null }) {
  const now = useNow();
  if (at === null) return <span className="text-ink-3">–</span>;
  const soon = Date.parse(at) - now < CERTIFICATE_WARNING_MS;
  return (
    <span className={cn('inline-flex items-center gap-1', soon && 'font-medium text-warn')}>
      {soon ? <TriangleAlert role="img" aria-label="Expires soon:" className="size-3.5" /> : null}
      <Time at={at} />
    </span>
  );
}
