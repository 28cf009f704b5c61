import { Button } from './ui/button';

export interface MoreQuery {
  hasNextPage: boolean;
  isFetchingNextPage: boolean;
  fetchNextPage: () => Promise<unknown>;
}

/** Fetches the next page of a list; nothing when it is complete. */
export function MoreButton({ query }: { query: MoreQuery }) {
  if (!query.hasNextPage) return null;
  return (
    <div className="flex justify-center border-t p-2">
      <Button variant="ghost" pending={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
        Show more
      </Button>
    </div>
  );
}
