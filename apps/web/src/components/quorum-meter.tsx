import { cn } from '@/lib/cn';

export interface QuorumCount {
  voters: number;
  needed: number;
  healthy: number;
  tolerated: number;
}

const MAX_DRAWN = 9;

/**
 * Voters as segments, healthy ones filled, with a mark where the majority is reached.
 * The picture repeats the text beside it and is hidden from screen readers.
 */
export function QuorumMeter({ count, size = 'md' }: { count: QuorumCount; size?: 'sm' | 'md' }) {
  const held = count.healthy >= count.needed;
  const drawn = Math.min(count.voters, MAX_DRAWN);
  return (
    <div aria-hidden className={cn('flex items-stretch', size === 'md' ? 'h-7 gap-1' : 'h-4 gap-0.5')}>
      {Array.from({ length: drawn }, (_, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: segments are anonymous and never reordered
        <div key={index} className="flex items-stretch">
          <span
            className={cn(
              'rounded-sm',
              size === 'md' ? 'w-4' : 'w-2.5',
              index < count.healthy
                ? held
                  ? 'bg-ok'
                  : 'bg-warn'
                : 'border border-line-strong border-dashed bg-transparent',
            )}
          />
          {index + 1 === count.needed ? (
            <span className={cn('-my-1 border-ink-2 border-r-2', size === 'md' ? 'ml-1' : 'ml-0.5')} />
          ) : null}
        </div>
      ))}
    </div>
  );
}

const tolerates = (count: QuorumCount): string => {
  if (count.healthy < count.needed) return 'quorum lost';
  return count.tolerated > 0 ? `tolerates ${count.tolerated} failed` : 'tolerates no failure';
};

/** One state of the quorum in words: `3 voters · 2 needed · tolerates 1 failed`. */
export const quorumWords = (count: QuorumCount): string =>
  `${count.voters} voter${count.voters === 1 ? '' : 's'} · ${count.needed} needed · ${tolerates(count)}`;

/** The quorum before and after a membership change. */
export function QuorumPreview({ before, after }: { before: QuorumCount; after: QuorumCount }) {
  const row = (label: string, count: QuorumCount) => (
    <div className="flex items-center gap-3 px-3 py-2.5">
      <span className="w-12 text-ink-3">{label}</span>
      <QuorumMeter count={count} size="sm" />
      <span className={cn('min-w-0 text-ink', count.healthy < count.needed && 'text-bad')}>{quorumWords(count)}</span>
    </div>
  );
  return (
    <section aria-label="Quorum before and after" className="divide-y rounded-md border bg-sunken">
      {row('Before', before)}
      {row('After', after)}
    </section>
  );
}

/** What a cluster of `voters` needs and tolerates when all are healthy. */
export function quorumOf(voters: number, healthy = voters): QuorumCount {
  const needed = Math.floor(voters / 2) + 1;
  return { voters, needed, healthy, tolerated: healthy - needed };
}
