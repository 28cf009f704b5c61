'use client';

import type { ApiError } from '@quorate/shared/client';
import { CloudOff, LockKeyhole, type LucideIcon, ServerCrash } from 'lucide-react';
import type { ReactNode } from 'react';
import { toApiError } from '@/lib/errors';
import { asSentence } from '@/lib/format';
import { Command } from './code';
import { Button } from './ui/button';

interface EmptyStateProps {
  icon: LucideIcon;
  title: string;
  children?: ReactNode;
  /** The same from a shell. */
  cli?: string;
  action?: ReactNode;
}

export function EmptyState({ icon: Icon, title, children, cli, action }: EmptyStateProps) {
  return (
    <div className="mx-auto flex max-w-md flex-col items-center gap-2 px-4 py-12 text-center">
      <Icon aria-hidden className="size-7 text-ink-3" strokeWidth={1.5} />
      <p className="font-semibold text-base text-ink">{title}</p>
      {children ? <div className="text-ink-2">{children}</div> : null}
      {action ? <div className="mt-2">{action}</div> : null}
      {cli ? (
        <div className="mt-3 w-full">
          <p className="mb-1 text-ink-3 text-xs">From a shell</p>
          <Command text={cli} what="command" />
        </div>
      ) : null}
    </div>
  );
}

function headline(error: ApiError): { icon: LucideIcon; title: string } {
  if (error.code === 'unreachable') return { icon: CloudOff, title: 'This node does not answer' };
  if (error.code === 'forbidden') return { icon: LockKeyhole, title: 'Your role does not show this' };
  return { icon: ServerCrash, title: error.problem.title };
}

/** A list or page that could not be fetched. */
export function ErrorState({ error, onRetry }: { error: unknown; onRetry?: () => void }) {
  const problem = toApiError(error);
  const { icon: Icon, title } = headline(problem);
  return (
    <div role="alert" className="mx-auto flex max-w-md flex-col items-center gap-2 px-4 py-12 text-center">
      <Icon aria-hidden className="size-7 text-bad" strokeWidth={1.5} />
      <p className="font-semibold text-base text-ink">{title}</p>
      <p className="break-words text-ink-2">{asSentence(problem.message)}</p>
      {problem.problem.request_id ? (
        <p className="font-mono text-2xs text-ink-3">request {problem.problem.request_id}</p>
      ) : null}
      {onRetry && problem.code !== 'forbidden' ? (
        <Button className="mt-2" onClick={onRetry}>
          Try again
        </Button>
      ) : null}
    </div>
  );
}
