import { z } from 'zod';

/** One invalid field: `pointer` is an RFC 6901 JSON pointer into the body, or `query/…`, `header/…`, `path/…`. */
export const fieldErrorSchema = z.object({ pointer: z.string(), detail: z.string() });
export type FieldError = z.infer<typeof fieldErrorSchema>;

/** RFC 9457 problem document, as every error of the API is sent. */
export const problemSchema = z
  .object({
    type: z.string().describe('A URI for the kind of problem.'),
    title: z.string().describe('The kind of problem in words; the same for every problem of this code.'),
    status: z.int(),
    detail: z.string().describe('What is wrong in this case, and the cure.'),
    code: z.string().describe('Stable name of the kind of problem: what programs decide by.'),
    request_id: z.string().describe('Finds the request in the log of the node.'),
    errors: z.array(fieldErrorSchema).optional().describe('Each field that is not valid, by JSON pointer.'),
    command_id: z
      .string()
      .optional()
      .describe('504 outcome_unknown: ask `GET /v1/commands/{command_id}` what became of the write.'),
    retry_after: z.number().optional().describe('Seconds after which a retry makes sense; also sent as `Retry-After`.'),
  })
  .meta({ id: 'Problem' });
export type Problem = z.infer<typeof problemSchema>;

export const PROBLEM_CONTENT_TYPE = 'application/problem+json';
