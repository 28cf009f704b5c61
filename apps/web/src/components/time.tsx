'use client';

import { cn } from '@/lib/cn';
import { formatRelative, formatUtc } from '@/lib/format';
import { useNow } from '@/lib/use-now';

interface TimeProps {
  at: string | null;
  /** `relative`: UTC on hover. `both`: UTC beside it. `stacked`: UTC below it. */
  show?: 'relative' | 'both' | 'stacked';
  className?: string;
}

/** A moment: how long ago, and in UTC. */
export function Time({ at, show = 'relative', className }: TimeProps) {
  const now = useNow();
  if (at === null) return <span className="text-ink-3">–</span>;
  const utc = formatUtc(at);
  const relative = formatRelative(Date.parse(at), now);
  if (show === 'relative') {
    return (
      <time dateTime={at} title={utc} className={cn('whitespace-nowrap', className)}>
        {relative}
      </time>
    );
  }
  return (
    <time dateTime={at} className={cn('whitespace-nowrap', show === 'stacked' && 'flex flex-col', className)}>
      <span>{relative}</span>
      {show === 'both' ? ' ' : null}
      <span className="font-mono text-2xs text-ink-3 leading-4">{utc}</span>
    </time>
  );
}
