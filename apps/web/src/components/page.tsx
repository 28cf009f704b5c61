'use client';

import { type ReactNode, useEffect } from 'react';

interface PageProps {
  title: string;
  description?: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
}

/** The frame of a page: its title (also of the tab), its actions, its content. */
export function Page({ title, description, actions, children }: PageProps) {
  useEffect(() => {
    document.title = `${title} · Quorate`;
  }, [title]);
  return (
    <div className="mx-auto w-full max-w-7xl px-4 py-5 lg:px-6">
      <header className="mb-4 flex flex-wrap items-start gap-x-4 gap-y-2">
        <div className="mr-auto min-w-0">
          <h1 className="font-semibold text-ink text-lg leading-7 tracking-tight">{title}</h1>
          {description ? <p className="max-w-3xl text-ink-2">{description}</p> : null}
        </div>
        {actions ? <div className="flex flex-wrap items-center gap-2">{actions}</div> : null}
      </header>
      {children}
    </div>
  );
}
