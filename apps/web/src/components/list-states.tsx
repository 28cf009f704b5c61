'use client';

import type { ReactNode } from 'react';
import { MoreButton, type MoreQuery } from './more-button';
import { ErrorState } from './states';
import { SkeletonRows } from './ui/skeleton';

interface ListQuery {
  data: unknown;
  error: unknown;
  isPending: boolean;
  refetch: () => Promise<unknown>;
}

interface ListStatesProps {
  /** What the list is fetched by: one answer, or pages. */
  query: ListQuery | (ListQuery & MoreQuery);
  /** How many there are to show. */
  count: number;
  /** Rows of the skeleton while it is fetched. */
  rows?: number;
  /** Shown when there is nothing. */
  empty?: ReactNode;
  children: ReactNode;
}

/** A list in the state that it is in: on its way, failed, empty, or there, with the way to its next page. */
export function ListStates({ query, count, rows = 4, empty, children }: ListStatesProps) {
  const { data, error, isPending, refetch } = query;
  if (isPending) return <SkeletonRows rows={rows} />;
  // What was there before stays, also when a later fetch fails.
  if (data === undefined) return <ErrorState error={error} onRetry={() => void refetch()} />;
  return (
    <>
      {count === 0 ? empty : children}
      {'hasNextPage' in query ? <MoreButton query={query} /> : null}
    </>
  );
}
