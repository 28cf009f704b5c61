import { ChevronDown } from 'lucide-react';
import type { ComponentProps } from 'react';
import { cn } from '@/lib/cn';
import { inputClass } from './field';

export interface Option {
  value: string;
  label: string;
}

/** The platform's own select: right on phones, with screen readers and with the keyboard. */
export function Select({ options, className, ...rest }: ComponentProps<'select'> & { options: readonly Option[] }) {
  return (
    <span className={cn('relative block min-w-0', className)}>
      <select className={cn(inputClass, 'appearance-none pr-7')} {...rest}>
        {options.map((option) => (
          <option key={option.value} value={option.value}>
            {option.label}
          </option>
        ))}
      </select>
      <ChevronDown aria-hidden className="pointer-events-none absolute top-2 right-2 size-4 text-ink-3" />
    </span>
  );
}
