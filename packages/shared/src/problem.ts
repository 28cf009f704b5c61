import { z } from 'zod';

/** One invalid field: `pointer` is an RFC 6901 JSON pointer into the body, or `query/…`, `header/…`, `path/…`. */
export const fieldErrorSchema = z.object({ pointer: z.string(), detail: z.string() });
export type FieldError = z.infer<typeof fieldErrorSchema>;

/** RFC 9457 problem document, as every error of the API is sent. */
export const problemSchema = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.string(),
    request_id: z.string(),
    errors: z.array(fieldErrorSchema).optional(),
    /** 504 outcome_unknown: ask `GET /v1/commands/{command_id}` what became of the write. */
    command_id: z.string().optional(),
    /** Seconds after which a retry makes sense; also sent as `Retry-After`. */
    retry_after: z.number().optional(),
  })
  .meta({ id: 'Problem' });
export type Problem = z.infer<typeof problemSchema>;

export const PROBLEM_CONTENT_TYPE = 'application/problem+json';
