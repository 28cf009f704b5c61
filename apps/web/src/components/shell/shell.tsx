'use client';

import { useQuery } from '@tanstack/react-query';
import { Menu as MenuIcon, Search } from 'lucide-react';
import { usePathname } from 'next/navigation';
import { type ReactNode, Suspense, useEffect, useRef, useState } from 'react';
import { toApiError } from '@/lib/errors';
import { plural } from '@/lib/format';
import { LiveProvider, useClusterPollMs } from '@/lib/live';
import { clusterQuery, meQuery } from '@/lib/queries';
import { QuorumMeter } from '../quorum-meter';
import { ErrorState } from '../states';
import { Button } from '../ui/button';
import { Sheet } from '../ui/sheet';
import { Skeleton } from '../ui/skeleton';
import { Alarms } from './alarms';
import { LiveBadge } from './live-badge';
import { Palette } from './palette';
import { QuorumBanner } from './quorum-banner';
import { Sidebar } from './sidebar';
import { ThemeMenu } from './theme-menu';
import { UserMenu } from './user-menu';

/** The console around a page: needs a session; without one the error handler leaves for sign-in. */
export function Shell({ children }: { children: ReactNode }) {
  const me = useQuery(meQuery);
  if (me.isSuccess) {
    return (
      <LiveProvider>
        <Frame>
          <Suspense fallback={<PageSkeleton />}>{children}</Suspense>
        </Frame>
      </LiveProvider>
    );
  }
  if (me.isError && toApiError(me.error).code !== 'unauthenticated') {
    return (
      <main className="flex min-h-dvh items-center justify-center">
        <ErrorState error={me.error} onRetry={() => void me.refetch()} />
      </main>
    );
  }
  return (
    <main>
      <h1 className="sr-only">Quorate</h1>
      <PageSkeleton />
    </main>
  );
}

function Frame({ children }: { children: ReactNode }) {
  const [navigationOpen, setNavigationOpen] = useState(false);
  const [paletteOpen, setPaletteOpen] = useState(false);
  const main = useRef<HTMLElement>(null);
  useQuery({ ...clusterQuery, refetchInterval: useClusterPollMs() });
  useFocusOnNavigation(main);
  return (
    <div className="flex min-h-dvh">
      <a
        href="#main"
        className="sr-only z-60 rounded-md bg-accent px-3 py-1.5 text-accent-ink focus:not-sr-only focus:fixed focus:top-2 focus:left-2"
      >
        Skip to content
      </a>
      <aside className="sticky top-0 hidden h-dvh w-55 shrink-0 flex-col border-r bg-sunken lg:flex">
        <Sidebar />
      </aside>
      <Sheet open={navigationOpen} onOpenChange={setNavigationOpen} title="Navigation">
        <Sidebar onNavigate={() => setNavigationOpen(false)} />
      </Sheet>
      <div className="flex min-w-0 flex-1 flex-col">
        <header className="sticky top-0 z-30 flex h-12 items-center gap-1.5 border-b bg-surface px-3 lg:px-6">
          <Button
            variant="ghost"
            size="icon"
            className="lg:hidden"
            aria-label="Open navigation"
            onClick={() => setNavigationOpen(true)}
          >
            <MenuIcon aria-hidden />
          </Button>
          <ClusterName />
          <div className="ml-auto flex items-center gap-1.5">
            <LiveBadge />
            <Alarms />
            <Button
              variant="ghost"
              className="gap-2 px-2 sm:border-line"
              aria-keyshortcuts="Meta+K Control+K"
              onClick={() => setPaletteOpen(true)}
            >
              <Search aria-hidden />
              <span className="sr-only">Search pages and actions</span>
              <PaletteKeys />
            </Button>
            <ThemeMenu />
            <UserMenu />
          </div>
        </header>
        <QuorumBanner />
        <main id="main" ref={main} tabIndex={-1} className="flex-1 outline-none">
          {children}
        </main>
      </div>
      <Palette open={paletteOpen} onOpenChange={setPaletteOpen} />
    </div>
  );
}

/** The shortcut as this platform's keyboard has it. */
function PaletteKeys() {
  const [keys, setKeys] = useState('');
  useEffect(() => setKeys(/mac|iphone|ipad/i.test(navigator.userAgent) ? '⌘K' : 'Ctrl K'), []);
  return <kbd className="hidden font-sans text-2xs text-ink-3 sm:inline">{keys}</kbd>;
}

/** Moves focus to the new page's content, as a full page load would. */
function useFocusOnNavigation(main: React.RefObject<HTMLElement | null>) {
  const pathname = usePathname();
  const previous = useRef(pathname);
  useEffect(() => {
    if (previous.current === pathname) return;
    previous.current = pathname;
    main.current?.focus({ preventScroll: true });
    window.scrollTo(0, 0);
  }, [pathname, main]);
}

function ClusterName() {
  const { data } = useQuery(clusterQuery);
  if (!data) return <Skeleton className="w-28" />;
  return (
    <div className="flex min-w-0 items-center gap-2.5">
      <span className="truncate font-medium text-ink">{data.name}</span>
      <span className="flex items-center gap-2 text-ink-3 text-xs">
        <QuorumMeter count={data.quorum} size="sm" />
        <span className="max-md:sr-only">
          {data.quorum.healthy} of {plural(data.quorum.voters, 'voter')}
        </span>
      </span>
    </div>
  );
}

function PageSkeleton() {
  return (
    <div role="status" aria-label="Loading" className="mx-auto w-full max-w-7xl space-y-4 p-6">
      <Skeleton className="h-6 w-40" />
      <Skeleton className="h-28 w-full" />
      <Skeleton className="h-48 w-full" />
    </div>
  );
}
