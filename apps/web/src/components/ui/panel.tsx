import type { ReactNode } from 'react';
import { cn } from '@/lib/cn';

interface PanelProps {
  title?: string;
  /** At the right of the title. */
  actions?: ReactNode;
  className?: string;
  /** Without inner padding: for tables and lists. */
  flush?: boolean;
  children: ReactNode;
}

/** A titled region of a page. */
export function Panel({ title, actions, className, flush = false, children }: PanelProps) {
  return (
    <section className={cn('min-w-0 overflow-hidden rounded-lg border border-line bg-surface', className)}>
      {title ? (
        <header className="flex min-h-10 flex-wrap items-center gap-2 border-b px-3.5 py-1.5">
          <h2 className="mr-auto font-semibold text-ink text-sm">{title}</h2>
          {actions}
        </header>
      ) : null}
      <div className={flush ? '' : 'p-3.5'}>{children}</div>
    </section>
  );
}

interface Fact {
  label: string;
  value: ReactNode;
  mono?: boolean;
}

/** Pairs of name and value, read as a description list. */
export function Facts({ items, className }: { items: readonly Fact[]; className?: string }) {
  return (
    <dl className={cn('grid grid-cols-[auto_minmax(0,1fr)] gap-x-4 gap-y-1.5', className)}>
      {items.map((item) => (
        <div key={item.label} className="col-span-2 grid grid-cols-subgrid">
          <dt className="text-ink-3">{item.label}</dt>
          <dd className={cn('min-w-0 break-words text-ink', item.mono && 'font-mono text-xs leading-5')}>
            {item.value}
          </dd>
        </div>
      ))}
    </dl>
  );
}
