'use client';

import { useEffect } from 'react';

interface PagedQuery<T> {
  data: { readonly pages: readonly { readonly items: readonly T[] }[] } | undefined;
  hasNextPage: boolean;
  isFetching: boolean;
  fetchNextPage: () => Promise<unknown>;
}

/** More than so many pages are fetched by hand. */
const MOST_PAGES = 20;

/** All items of a list of which all is shown at once: fetches one page after the other. */
export function useEveryPage<T>({ data, hasNextPage, isFetching, fetchNextPage }: PagedQuery<T>): readonly T[] {
  const pages = data?.pages ?? [];
  const more = hasNextPage && !isFetching && pages.length < MOST_PAGES;
  useEffect(() => {
    if (more) void fetchNextPage();
  }, [more, fetchNextPage]);
  return pages.flatMap((page) => page.items);
}
