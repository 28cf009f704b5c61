import { CircleAlert, CircleCheck, Info, type LucideIcon, TriangleAlert } from 'lucide-react';
import type { ReactNode } from 'react';
import { cn } from '@/lib/cn';
import type { Tone } from './badge';

const LOOK: Record<Exclude<Tone, 'accent'>, { icon: LucideIcon; box: string; mark: string }> = {
  ok: { icon: CircleCheck, box: 'border-ok/30 bg-ok-soft', mark: 'text-ok' },
  warn: { icon: TriangleAlert, box: 'border-warn/35 bg-warn-soft', mark: 'text-warn' },
  bad: { icon: CircleAlert, box: 'border-bad/30 bg-bad-soft', mark: 'text-bad' },
  info: { icon: Info, box: 'border-info/30 bg-info-soft', mark: 'text-info' },
  plain: { icon: Info, box: 'border-line bg-sunken', mark: 'text-ink-3' },
};

interface NoticeProps {
  tone: keyof typeof LOOK;
  title?: string;
  actions?: ReactNode;
  /** `alert` interrupts a screen reader; `status` waits for its turn. */
  role?: 'alert' | 'status';
  className?: string;
  children?: ReactNode;
}

/** A message inside the page: tone by icon, words and colour. */
export function Notice({ tone, title, actions, role, className, children }: NoticeProps) {
  const { icon: Icon, box, mark } = LOOK[tone];
  return (
    <div role={role} className={cn('flex items-start gap-2.5 rounded-md border px-3 py-2.5 text-ink', box, className)}>
      <Icon aria-hidden className={cn('mt-0.5 size-4 shrink-0', mark)} />
      <div className="min-w-0 flex-1 space-y-1">
        {title ? <p className="font-semibold">{title}</p> : null}
        {children ? <div className="break-words text-ink-2">{children}</div> : null}
        {actions ? <div className="flex flex-wrap gap-2 pt-1">{actions}</div> : null}
      </div>
    </div>
  );
}
