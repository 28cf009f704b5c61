import { X } from 'lucide-react';
import { Dialog as Radix } from 'radix-ui';
import type { ReactNode } from 'react';
import { cn } from '@/lib/cn';
import { buttonClass } from './button';

interface DialogProps {
  open: boolean;
  onOpenChange: (open: boolean) => void;
  title: string;
  description?: ReactNode;
  /** `wide` for results and previews. */
  width?: 'normal' | 'wide';
  /** Clicking beside it or Escape does not close it: it shows something that is never shown again. */
  sticky?: boolean;
  footer?: ReactNode;
  children: ReactNode;
}

const keep = (event: Event) => event.preventDefault();

/** A modal dialog: a sheet from below on phones, centred elsewhere. */
export function Dialog(props: DialogProps) {
  const { open, onOpenChange, title, description, width = 'normal', sticky = false, footer, children } = props;
  return (
    <Radix.Root open={open} onOpenChange={onOpenChange}>
      <Radix.Portal>
        <Radix.Overlay className="fixed inset-0 z-40 bg-black/45 dark:bg-black/60" />
        <Radix.Content
          className={cn(
            'appear fixed z-50 flex max-h-[92dvh] flex-col overflow-hidden border border-line bg-surface shadow-pop',
            'inset-x-0 bottom-0 rounded-t-lg sm:inset-x-auto sm:top-[8vh] sm:bottom-auto sm:left-1/2 sm:max-h-[84vh] sm:-translate-x-1/2 sm:rounded-lg',
            width === 'wide' ? 'sm:w-[44rem]' : 'sm:w-[30rem]',
          )}
          {...(description ? {} : { 'aria-describedby': undefined })}
          {...(sticky ? { onInteractOutside: keep, onEscapeKeyDown: keep } : {})}
        >
          <header className="border-b py-3 pr-12 pl-4">
            <Radix.Title className="font-semibold text-base text-ink">{title}</Radix.Title>
            {description ? <Radix.Description className="mt-0.5 text-ink-2">{description}</Radix.Description> : null}
          </header>
          <div className="min-h-0 flex-1 overflow-y-auto px-4 py-4">{children}</div>
          {footer ? (
            <footer className="flex flex-wrap items-center justify-end gap-2 border-t bg-sunken px-4 py-3">
              {footer}
            </footer>
          ) : null}
          {/* Last in the order, so that opening puts the focus on the content. */}
          <Radix.Close className={cn(buttonClass('ghost', 'icon'), 'absolute top-2 right-2')} aria-label="Close">
            <X aria-hidden />
          </Radix.Close>
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}
