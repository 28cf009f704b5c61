'use client';

import type { HaproxyRevision } from '@quorate/shared/haproxy';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { Download, History } from 'lucide-react';
import { parseAsInteger, useQueryState } from 'nuqs';
import { CopyButton } from '@/components/copy-button';
import { ListStates } from '@/components/list-states';
import { EmptyState, ErrorState } from '@/components/states';
import { Time } from '@/components/time';
import { Button } from '@/components/ui/button';
import { Panel } from '@/components/ui/panel';
import { SkeletonRows } from '@/components/ui/skeleton';
import { downloadText } from '@/lib/clipboard';
import { cn } from '@/lib/cn';
import { plural } from '@/lib/format';
import { useListPollMs } from '@/lib/live';
import { revisionQuery, revisionsQuery } from '@/lib/queries';
import { ConfigText } from './config-text';
import { DiffText } from './diff-text';

export function RevisionsTab() {
  const [chosen, setChosen] = useQueryState('revision', parseAsInteger);
  const revisions = useInfiniteQuery({ ...revisionsQuery, refetchInterval: useListPollMs() });
  const items = revisions.data?.pages.flatMap((page) => page.items) ?? [];
  const shown = chosen ?? items[0]?.revision;
  return (
    <div className="grid items-start gap-4 lg:grid-cols-[20rem_minmax(0,1fr)]">
      <Panel title="Revisions" flush>
        <ListStates
          query={revisions}
          count={items.length}
          rows={4}
          empty={
            <EmptyState icon={History} title="No revisions yet" cli="quorate haproxy config">
              The first one is made when the settings or the members change.
            </EmptyState>
          }
        >
          <ul className="max-h-[70vh] divide-y overflow-y-auto">
            {items.map((revision) => (
              <li key={revision.revision}>
                <RevisionButton
                  revision={revision}
                  active={revision.revision === shown}
                  onChoose={() => void setChosen(revision.revision)}
                />
              </li>
            ))}
          </ul>
        </ListStates>
      </Panel>
      {shown === undefined ? null : <RevisionDetail revision={shown} />}
    </div>
  );
}

interface RevisionButtonProps {
  revision: HaproxyRevision;
  active: boolean;
  onChoose: () => void;
}

function RevisionButton({ revision, active, onChoose }: RevisionButtonProps) {
  return (
    <button
      type="button"
      aria-pressed={active}
      onClick={onChoose}
      className={cn('block w-full px-3.5 py-2 text-left -outline-offset-2 hover:bg-hover', active && 'bg-accent-soft')}
    >
      <span className="flex items-baseline justify-between gap-2">
        <span className="font-medium text-ink">Revision {revision.revision}</span>
        <Time at={revision.created_at} className="text-ink-2 text-xs" />
      </span>
      <span className="block break-words text-ink-2">{revision.reason}</span>
      <span className="block text-ink-2 text-xs">
        {plural(revision.servers, 'server')} · HAProxy {revision.version} · index {revision.index}
      </span>
    </button>
  );
}

function RevisionDetail({ revision }: { revision: number }) {
  const detail = useQuery(revisionQuery(revision));
  if (detail.isError) {
    return (
      <Panel title={`Revision ${revision}`}>
        <ErrorState error={detail.error} onRetry={() => void detail.refetch()} />
      </Panel>
    );
  }
  if (!detail.data) {
    return (
      <Panel title={`Revision ${revision}`} flush>
        <SkeletonRows rows={8} />
      </Panel>
    );
  }
  const { config, diff } = detail.data;
  return (
    <div className="min-w-0 space-y-4">
      <Panel title={`Changes in revision ${revision}`} flush>
        {diff ? (
          <DiffText diff={diff} label={`Changes in revision ${revision}`} />
        ) : (
          <p className="px-3.5 py-3 text-ink-2">There is nothing before it to compare with.</p>
        )}
      </Panel>
      <Panel
        title={`Text of revision ${revision}`}
        flush
        actions={
          <>
            <CopyButton text={config} what={`revision ${revision}`} labelled />
            <Button size="sm" onClick={() => downloadText(`haproxy-${revision}.cfg`, config)}>
              <Download aria-hidden />
              Download
            </Button>
          </>
        }
      >
        <ConfigText text={config} label={`Text of revision ${revision}`} className="max-h-[60vh]" />
      </Panel>
    </div>
  );
}
