import type { ReactNode } from 'react';
import { Logo } from './logo';

interface GateProps {
  title: string;
  description?: ReactNode;
  /** Under the card. */
  footer?: ReactNode;
  children: ReactNode;
}

/** The frame of the pages that need no session. */
export function Gate({ title, description, footer, children }: GateProps) {
  return (
    <main className="flex min-h-dvh flex-col items-center px-4 pt-[12vh] pb-10">
      <div className="w-full max-w-sm">
        <div className="mb-5 flex items-center gap-2.5">
          <Logo className="size-7 text-accent" />
          <span className="font-semibold text-ink text-lg tracking-tight">Quorate</span>
        </div>
        <div className="rounded-lg border bg-surface p-5">
          <h1 className="font-semibold text-base text-ink">{title}</h1>
          {description ? <div className="mt-1 text-ink-2">{description}</div> : null}
          <div className="mt-4">{children}</div>
        </div>
        {footer ? <div className="mt-4 px-1 text-ink-3 text-xs">{footer}</div> : null}
      </div>
    </main>
  );
}
