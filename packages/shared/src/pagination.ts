import { z } from 'zod';

export const pageQuery = z.object({
  limit: z.coerce.number().int().min(1).max(500).default(50).describe('How many items a page holds at most.'),
  cursor: z.string().max(200).optional().describe('`next_cursor` of the page before; without it, the first page.'),
});

/** A page of `item`: ask again with `cursor=next_cursor` until it is null (also sent as a `Link: rel="next"`). */
export const pageOf = <T extends z.ZodType>(item: T) =>
  z.object({
    items: z.array(item),
    next_cursor: z.string().nullable().describe('Ask for the next page with it; null on the last.'),
  });

/** RFC 3339 time in UTC. */
export const timestamp = z.iso.datetime();
