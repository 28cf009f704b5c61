import { cn } from '@/lib/cn';

interface ShareBarProps {
  /** 0 to 1; more is drawn as full. */
  share: number;
  tone?: 'accent' | 'ok' | 'warn' | 'bad';
  className?: string;
}

const FILL = { accent: 'bg-accent', ok: 'bg-ok', warn: 'bg-warn', bad: 'bg-bad' } as const;

/** How much of something is used. The picture repeats the text beside it and is hidden from screen readers. */
export function ShareBar({ share, tone = 'accent', className }: ShareBarProps) {
  const percent = Math.min(100, Math.max(0, share * 100));
  return (
    <div aria-hidden className={cn('h-1.5 overflow-hidden rounded-full bg-hover', className)}>
      <div className={cn('h-full rounded-full', FILL[tone])} style={{ width: `${percent}%` }} />
    </div>
  );
}
