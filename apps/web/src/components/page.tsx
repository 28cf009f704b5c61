'use client';

import { ArrowLeft } from 'lucide-react';
import { type ReactNode, useEffect } from 'react';

/** The list that a page is one of, and the way to it. */
export interface Back {
  label: string;
  onBack: () => void;
}

interface PageProps {
  title: string;
  description?: ReactNode;
  actions?: ReactNode;
  back?: Back;
  children: ReactNode;
}

/** The frame of a page: its title (also of the tab), its actions, its content. */
export function Page({ title, description, actions, back, children }: PageProps) {
  useEffect(() => {
    document.title = `${title} · Quorate`;
  }, [title]);
  return (
    <div className="mx-auto w-full max-w-7xl px-4 py-5 lg:px-6">
      {back ? (
        <button
          type="button"
          onClick={back.onBack}
          className="mb-1 inline-flex items-center gap-1 text-ink-2 text-xs underline-offset-2 hover:text-ink hover:underline"
        >
          <ArrowLeft aria-hidden className="size-3.5" />
          {back.label}
        </button>
      ) : null}
      <header className="mb-4 flex flex-wrap items-start gap-x-4 gap-y-2 md:flex-nowrap">
        <div className="mr-auto min-w-0">
          <h1 className="font-semibold text-ink text-lg leading-7 tracking-tight">{title}</h1>
          {description ? <p className="max-w-3xl text-ink-2">{description}</p> : null}
        </div>
        {actions ? <div className="flex flex-wrap items-center gap-2 md:shrink-0">{actions}</div> : null}
      </header>
      {children}
    </div>
  );
}
