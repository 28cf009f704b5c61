'use client';

import { ApiError } from '@quorate/shared/client';
import { MutationCache, QueryCache, QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { ThemeProvider } from 'next-themes';
import { NuqsAdapter } from 'nuqs/adapters/next/app';
import { type ReactNode, Suspense, useState } from 'react';
import { Toaster } from 'sonner';
import { goToSignIn } from '@/lib/sign-in-path';
import { TooltipProvider } from './ui/tooltip';

const MAX_RETRIES = 2;

/** A refusal will not change by asking again; a node that is starting or out of reach may come back. */
function shouldRetry(failures: number, error: Error): boolean {
  if (failures >= MAX_RETRIES) return false;
  return !(error instanceof ApiError) || error.status === 0 || error.status >= 502;
}

function createQueryClient(): QueryClient {
  const onError = (error: Error) => {
    if (error instanceof ApiError && error.code === 'unauthenticated') goToSignIn();
  };
  return new QueryClient({
    queryCache: new QueryCache({ onError }),
    mutationCache: new MutationCache({ onError }),
    defaultOptions: {
      // Nodes often run where there is no internet: the browser's idea of "offline" must not stop requests.
      queries: { networkMode: 'always', retry: shouldRetry, staleTime: 5_000 },
      mutations: { networkMode: 'always', retry: false },
    },
  });
}

export function Providers({ children }: { children: ReactNode }) {
  const [client] = useState(createQueryClient);
  return (
    <ThemeProvider attribute="class" defaultTheme="system" enableSystem disableTransitionOnChange>
      <QueryClientProvider client={client}>
        <TooltipProvider>
          <Suspense>
            <NuqsAdapter>{children}</NuqsAdapter>
          </Suspense>
        </TooltipProvider>
        <Toaster
          position="bottom-right"
          toastOptions={{
            unstyled: true,
            classNames: {
              toast:
                'flex w-full items-start gap-2.5 rounded-lg border border-line bg-surface px-3.5 py-3 text-ink text-sm shadow-pop',
              title: 'font-medium',
              description: 'text-ink-2',
              success: '[&_[data-icon]]:text-ok',
              error: '[&_[data-icon]]:text-bad',
            },
          }}
        />
      </QueryClientProvider>
    </ThemeProvider>
  );
}
