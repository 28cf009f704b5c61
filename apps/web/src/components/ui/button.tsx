import { Loader2 } from 'lucide-react';
import type { ComponentProps } from 'react';
import { cn } from '@/lib/cn';

const VARIANTS = {
  primary: 'bg-accent text-accent-ink hover:bg-accent-hover border-transparent',
  secondary: 'bg-surface text-ink border-line-strong/70 hover:bg-hover',
  ghost: 'bg-transparent text-ink-2 border-transparent hover:bg-hover hover:text-ink',
  danger: 'bg-bad text-white dark:text-accent-ink hover:bg-bad-hover border-transparent',
} as const;

const SIZES = { sm: 'h-7 px-2 text-xs gap-1.5', md: 'h-8 px-3 gap-2', icon: 'size-8 justify-center' } as const;

export interface ButtonProps extends ComponentProps<'button'> {
  variant?: keyof typeof VARIANTS;
  size?: keyof typeof SIZES;
  /** Shows a spinner and takes no clicks. */
  pending?: boolean;
}

export const buttonClass = (variant: keyof typeof VARIANTS = 'secondary', size: keyof typeof SIZES = 'md') =>
  cn(
    'inline-flex shrink-0 select-none items-center justify-center whitespace-nowrap rounded-md border font-medium text-sm',
    'transition-colors disabled:pointer-events-none disabled:opacity-50 aria-disabled:cursor-not-allowed aria-disabled:opacity-55',
    '[&_svg]:size-4 [&_svg]:shrink-0',
    VARIANTS[variant],
    SIZES[size],
  );

export function Button({ variant, size, pending = false, className, children, disabled, ...rest }: ButtonProps) {
  return (
    <button
      type="button"
      className={cn(buttonClass(variant, size), className)}
      disabled={disabled === true || pending}
      {...rest}
    >
      {pending ? <Loader2 aria-hidden className="animate-spin" /> : null}
      {children}
    </button>
  );
}
