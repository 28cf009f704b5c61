import type { Command } from 'commander';
import type { Invocation } from './invocation';

/**
 * Makes a commander action of a handler. Commander passes the arguments, then the options, then the command:
 * the handler declares the ones it uses.
 */
export type Run = <Args extends unknown[]>(
  handler: (invocation: Invocation, ...args: Args) => Promise<void>,
) => (...args: unknown[]) => Promise<void>;

/** A noun: adds its commands below `parent`. */
export type Register = (parent: Command, run: Run) => void;

export const MAX_LISTED = 10_000;

interface Page<Item> {
  items: Item[];
  next_cursor: string | null;
}

/** Reads pages until the end or until `limit` items; answers in the form of one page. */
export async function collectPages<Item>(
  limit: number,
  read: (query: { limit: number; cursor?: string }) => Promise<Page<Item>>,
): Promise<Page<Item>> {
  const items: Item[] = [];
  let cursor: string | null = null;
  do {
    const page: Page<Item> = await read({
      limit: Math.min(500, limit - items.length),
      ...(cursor === null ? {} : { cursor }),
    });
    items.push(...page.items);
    cursor = page.items.length === 0 ? null : page.next_cursor;
  } while (cursor !== null && items.length < limit);
  return { items, next_cursor: cursor };
}
