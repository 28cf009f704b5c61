import type { LucideIcon } from 'lucide-react';
import type { ReactNode } from 'react';
import { cn } from '@/lib/cn';

export type Tone = 'ok' | 'warn' | 'bad' | 'info' | 'plain' | 'accent';

export const TONE_TEXT: Record<Tone, string> = {
  ok: 'text-ok',
  warn: 'text-warn',
  bad: 'text-bad',
  info: 'text-info',
  plain: 'text-ink-2',
  accent: 'text-accent',
};
export const TONE_SOFT: Record<Tone, string> = {
  ok: 'bg-ok-soft text-ok',
  warn: 'bg-warn-soft text-warn',
  bad: 'bg-bad-soft text-bad',
  info: 'bg-info-soft text-info',
  plain: 'bg-hover text-ink-2',
  accent: 'bg-accent-soft text-accent',
};

interface BadgeProps {
  tone?: Tone;
  icon?: LucideIcon;
  className?: string;
  children: ReactNode;
}

/** Status as icon + word + colour: never colour alone. */
export function Badge({ tone = 'plain', icon: Icon, className, children }: BadgeProps) {
  return (
    <span
      className={cn(
        'inline-flex h-5 w-fit shrink-0 items-center gap-1 whitespace-nowrap rounded px-1.5 font-medium text-xs',
        TONE_SOFT[tone],
        className,
      )}
    >
      {Icon ? <Icon aria-hidden className="size-3 shrink-0" /> : null}
      {children}
    </span>
  );
}

export type Look = readonly [word: string, tone: Tone, icon: LucideIcon];

/** One of the states that something can be in. */
export const LookBadge = ({ look: [word, tone, icon] }: { look: Look }) => (
  <Badge tone={tone} icon={icon}>
    {word}
  </Badge>
);
