import { DomainError } from '../commands/domain-error';
import type { RequestContext } from './endpoint';

export interface Page<T> {
  items: T[];
  next_cursor: string | null;
}

/**
 * A page of `rows`, of which the caller asked for one more than `limit`. `keyOf` gives the value after which the next page
 * begins; it travels as an opaque cursor. Also sets the `Link` header.
 */
export function pageOf<Row, T>(
  ctx: RequestContext,
  path: string,
  rows: readonly Row[],
  limit: number,
  keyOf: (row: Row) => string | number,
  view: (row: Row) => T,
): Page<T> {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  const next = rows.length > limit && last !== undefined ? encodeCursor(keyOf(last)) : null;
  if (next) {
    // Filters travel along, or the next page would be of another list.
    const query = ctx.url.searchParams;
    query.set('limit', String(limit));
    query.set('cursor', next);
    ctx.setHeader('link', `<${path}?${query}>; rel="next"`);
  }
  return { items: shown.map(view), next_cursor: next };
}

const encodeCursor = (key: string | number): string => Buffer.from(JSON.stringify(key)).toString('base64url');

function decode(cursor: string): unknown {
  try {
    return JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
  } catch {
    return undefined;
  }
}

/** For lists whose cursors have a form of their own. */
export const invalidCursor = (): DomainError =>
  new DomainError('validation_failed', 'the cursor is not one that this API gave out; start without it', [
    { pointer: 'query/cursor', detail: 'not a cursor of this list' },
  ]);

/** @throws DomainError validation_failed */
export function textCursor(cursor: string | undefined): string {
  if (cursor === undefined) return '';
  const key = decode(cursor);
  if (typeof key !== 'string') throw invalidCursor();
  return key;
}

/** Descending lists by number start at the top. @throws DomainError validation_failed */
export function numberCursor(cursor: string | undefined): number {
  if (cursor === undefined) return Number.MAX_SAFE_INTEGER;
  const key = decode(cursor);
  if (typeof key !== 'number' || !Number.isSafeInteger(key)) throw invalidCursor();
  return key;
}
