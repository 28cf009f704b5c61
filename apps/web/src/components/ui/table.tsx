import type { ComponentProps } from 'react';
import { cn } from '@/lib/cn';

interface TableProps extends ComponentProps<'table'> {
  /** Names the table for screen readers. */
  label: string;
}

/**
 * A dense table that scrolls sideways inside its own region, reachable by keyboard. The region is what text for screen readers
 * is placed against: it would widen the page otherwise.
 */
export function Table({ label, className, ...rest }: TableProps) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard
    <section aria-label={label} className="relative overflow-x-auto" tabIndex={0}>
      <table className={cn('w-full border-collapse text-left', className)} {...rest} />
    </section>
  );
}

export const Th = ({ className, ...rest }: ComponentProps<'th'>) => (
  <th
    scope="col"
    className={cn('h-8 whitespace-nowrap border-b bg-sunken px-3 font-medium text-ink-3 text-xs', className)}
    {...rest}
  />
);

export const Td = ({ className, ...rest }: ComponentProps<'td'>) => (
  <td className={cn('border-b px-3 py-2 align-top', className)} {...rest} />
);

export const Tr = ({ className, ...rest }: ComponentProps<'tr'>) => (
  <tr className={cn('hover:bg-sunken/70 [&:last-child>td]:border-b-0', className)} {...rest} />
);
