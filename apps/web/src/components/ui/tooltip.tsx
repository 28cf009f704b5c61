import { Tooltip as Radix } from 'radix-ui';
import type { ReactNode } from 'react';

/** A short text for a control that is focusable by itself. */
export function Tooltip({ text, children }: { text: ReactNode; children: ReactNode }) {
  return (
    <Radix.Root delayDuration={200}>
      <Radix.Trigger asChild>{children}</Radix.Trigger>
      <Radix.Portal>
        <Radix.Content
          sideOffset={5}
          collisionPadding={8}
          className="appear z-60 max-w-72 rounded-md bg-ink px-2 py-1 text-canvas text-xs shadow-pop"
        >
          {text}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}
export const TooltipProvider = Radix.Provider;
