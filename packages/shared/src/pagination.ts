import { z } from 'zod';

export const pageQuery = z.object({
  limit: z.coerce.number().int().min(1).max(500).default(50),
  cursor: z.string().max(200).optional(),
});

/** A page of `item`: ask again with `cursor=next_cursor` until it is null (also sent as a `Link: rel="next"`). */
export const pageOf = <T extends z.ZodType>(item: T) =>
  z.object({ items: z.array(item), next_cursor: z.string().nullable() });

/** RFC 3339 time in UTC. */
export const timestamp = z.iso.datetime();
