import { z } from 'zod';

/** What a node's connector says of itself to the others, with the status that nodes exchange. */
export const connectorReportSchema = z.object({
  session: z.uuid(),
  takes_part: z.boolean(),
  is_primary: z.boolean(),
  url: z.string(),
  /** The generation that it has proved to hold a moment ago; null = none. */
  proven: z.int().nullable(),
  connected: z.boolean(),
  reachable: z.boolean().nullable(),
  /** ms since it found that out. */
  checked_ago_ms: z.number().nullable(),
  /** For how long it could have taken over at any moment, ms. */
  ready_ms: z.number(),
  problem: z.string().max(1_000),
  certificate: z
    .object({
      source: z.enum(['file', 'cluster']),
      subject: z.string(),
      fingerprint: z.string(),
      expires_at: z.string(),
    })
    .nullable(),
  /** The generation that it has heard the active node prove, in that node's last answer; null = it did not answer. */
  sees: z.int().nullable(),
});
export type ConnectorReport = z.infer<typeof connectorReportSchema>;

/** Undefined for what is no report: a node of an older build. */
export function parseReport(value: unknown): ConnectorReport | undefined {
  const parsed = connectorReportSchema.safeParse(value);
  return parsed.success ? parsed.data : undefined;
}
