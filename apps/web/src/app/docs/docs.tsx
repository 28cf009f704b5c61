'use client';

import { useQuery } from '@tanstack/react-query';
import { Menu as MenuIcon, Search, SearchX } from 'lucide-react';
import Link from 'next/link';
import { parseAsString, useQueryState } from 'nuqs';
import { useDeferredValue, useEffect, useMemo, useRef, useState } from 'react';
import { Logo } from '@/components/logo';
import { ThemeMenu } from '@/components/shell/theme-menu';
import { EmptyState, ErrorState } from '@/components/states';
import { Button } from '@/components/ui/button';
import { Input } from '@/components/ui/field';
import { Sheet } from '@/components/ui/sheet';
import { Skeleton } from '@/components/ui/skeleton';
import { plural } from '@/lib/format';
import { type ApiDocument, filterGroups, type Group, groupsOf } from './document';
import { NOTES, Notes } from './notes';
import { Operation } from './operation';
import { SideNavigation } from './side-navigation';
import { useCurrentSection } from './use-current-section';

async function fetchDocument({ signal }: { signal: AbortSignal }): Promise<ApiDocument> {
  const response = await fetch('/openapi.json', { signal });
  if (!response.ok) throw new Error(`/openapi.json answered ${response.status}`);
  return (await response.json()) as ApiDocument;
}

const documentQuery = {
  queryKey: ['openapi'],
  queryFn: fetchDocument,
  staleTime: Number.POSITIVE_INFINITY,
} as const;

/** The API reference, made from the document that this node serves. Needs no session. */
export function Docs() {
  const openApi = useQuery(documentQuery);
  const [q, setQ] = useQueryState('q', parseAsString.withDefault(''));
  const query = useDeferredValue(q);
  const groups = useMemo(() => (openApi.data ? groupsOf(openApi.data) : []), [openApi.data]);
  const shown = useMemo(() => filterGroups(groups, query), [groups, query]);
  const showNotes = query.trim() === '';
  const ids = [
    ...(showNotes ? NOTES.map(({ id }) => id) : []),
    ...shown.flatMap(({ operations }) => operations.map(({ operationId }) => operationId)),
  ];
  const current = useCurrentSection(openApi.data ? ids : []);
  const [navigationOpen, setNavigationOpen] = useState(false);
  useHashOnArrival(openApi.data !== undefined);
  const navigation = { groups: shown, showNotes, current };
  return (
    <div className="min-h-dvh">
      <a
        href="#reference"
        className="sr-only z-60 rounded-md bg-accent px-3 py-1.5 text-accent-ink focus:not-sr-only focus:fixed focus:top-2 focus:left-2"
      >
        Skip to content
      </a>
      <Header q={q} onFilter={(value) => void setQ(value || null)} onMenu={() => setNavigationOpen(true)} />
      <Sheet open={navigationOpen} onOpenChange={setNavigationOpen} title="Operations">
        <div className="overflow-y-auto">
          <SideNavigation {...navigation} onNavigate={() => setNavigationOpen(false)} />
        </div>
      </Sheet>
      <div className="flex">
        <aside className="sticky top-12 hidden h-[calc(100dvh-3rem)] w-72 shrink-0 overflow-y-auto border-r bg-sunken lg:block">
          <SideNavigation {...navigation} />
        </aside>
        <main id="reference" tabIndex={-1} className="min-w-0 flex-1 px-4 py-5 outline-none lg:px-8">
          <div className="mx-auto max-w-6xl">
            <h1 className="font-semibold text-ink text-lg leading-7 tracking-tight">
              API reference
              {openApi.data ? (
                <span className="font-normal text-ink-3"> · version {openApi.data.info.version}</span>
              ) : null}
            </h1>
            <p role="status" className="text-ink-2">
              {openApi.data
                ? `${showNotes ? 'Every node answers every request.' : 'Filtered:'} ${plural(ids.length - (showNotes ? NOTES.length : 0), 'operation')}.`
                : 'Every node answers every request.'}
            </p>
            {openApi.isPending ? <Loading /> : null}
            {openApi.isError ? <ErrorState error={openApi.error} onRetry={() => void openApi.refetch()} /> : null}
            {openApi.data && showNotes ? <Notes /> : null}
            {openApi.data && shown.length === 0 ? (
              <EmptyState
                icon={SearchX}
                title="No operation passes the filter"
                action={<Button onClick={() => void setQ(null)}>Show all operations</Button>}
              />
            ) : null}
            {openApi.data ? <Groups document={openApi.data} groups={shown} /> : null}
          </div>
        </main>
      </div>
    </div>
  );
}

interface HeaderProps {
  q: string;
  onFilter: (value: string) => void;
  onMenu: () => void;
}

function Header({ q, onFilter, onMenu }: HeaderProps) {
  return (
    <header className="sticky top-0 z-30 flex h-12 items-center gap-2 border-b bg-surface px-3 lg:px-4">
      <Button variant="ghost" size="icon" className="lg:hidden" aria-label="Open navigation" onClick={onMenu}>
        <MenuIcon aria-hidden />
      </Button>
      <Link href="/" aria-label="Quorate: to the console" className="flex items-center gap-2 rounded">
        <Logo className="size-5.5 text-accent" />
        <span className="font-semibold text-base text-ink tracking-tight max-sm:hidden">Quorate</span>
      </Link>
      <Filter value={q} onChange={onFilter} />
      <a className="text-ink-2 text-xs underline underline-offset-2 hover:text-ink max-sm:hidden" href="/openapi.json">
        openapi.json
      </a>
      <ThemeMenu />
    </header>
  );
}

function Groups({ document, groups }: { document: ApiDocument; groups: readonly Group[] }) {
  const [origin, setOrigin] = useState('');
  useEffect(() => setOrigin(window.location.origin), []);
  return groups.map((group) => (
    <section key={group.name} aria-label={group.name} className="pt-6">
      <h2 className="font-semibold text-ink text-lg tracking-tight">{group.name}</h2>
      <p className="mb-4 text-ink-2">{group.description}</p>
      {group.operations.map((operation) => (
        <Operation key={operation.operationId} document={document} operation={operation} origin={origin} />
      ))}
    </section>
  ));
}

/** Words to look for; `/` goes there from anywhere on the page. */
function Filter({ value, onChange }: { value: string; onChange: (value: string) => void }) {
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const isTyping = event.target instanceof HTMLElement && event.target.closest('input, textarea, select') !== null;
      if (event.key !== '/' || isTyping || event.metaKey || event.ctrlKey || event.altKey) return;
      event.preventDefault();
      input.current?.focus();
    };
    window.addEventListener('keydown', onKey);
    return () => window.removeEventListener('keydown', onKey);
  }, []);
  return (
    <search className="relative ml-auto min-w-0 flex-1 sm:max-w-72">
      <Search aria-hidden className="pointer-events-none absolute top-2 left-2 size-4 text-ink-3" />
      <Input
        ref={input}
        type="search"
        aria-label="Filter operations"
        aria-keyshortcuts="/"
        placeholder="Filter: path, role, error code…"
        className="pl-7.5"
        value={value}
        onChange={(event) => onChange(event.target.value)}
      />
    </search>
  );
}

/** The page is drawn after the browser has looked for the anchor: goes there once it exists. */
function useHashOnArrival(ready: boolean) {
  useEffect(() => {
    const id = decodeURIComponent(window.location.hash.slice(1));
    if (ready && id) document.getElementById(id)?.scrollIntoView();
  }, [ready]);
}

function Loading() {
  return (
    <div role="status" aria-label="Loading" className="space-y-4 pt-5">
      <Skeleton className="h-28 w-full" />
      <Skeleton className="h-64 w-full" />
      <Skeleton className="h-64 w-full" />
    </div>
  );
}
