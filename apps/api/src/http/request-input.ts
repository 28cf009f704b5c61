import type { RouteDefinition } from '@quorate/shared/route';
import { unknownFields } from '@quorate/shared/unknown-fields';
import type { Context } from 'hono';
import { z } from 'zod';
import { DomainError } from '../commands/domain-error';
import type { RouteInputs } from './endpoint';
import { fieldsRefused, unknownField, validationFailed } from './problem';

export const MAX_BODY_BYTES = 1024 * 1024;

/** Query parameters that the pipeline itself understands on every read. */
const PIPELINE_QUERY = new Set(['consistency']);

/** Reads at most {@link MAX_BODY_BYTES}. @throws DomainError body_too_large */
export async function readBody(request: Request): Promise<Buffer> {
  const declared = Number(request.headers.get('content-length') ?? 0);
  const tooLarge = (): DomainError =>
    new DomainError('body_too_large', `the body is over ${MAX_BODY_BYTES} bytes; send less`);
  if (declared > MAX_BODY_BYTES) throw tooLarge();
  // No more comes than was declared, and one look at `body` would cost as much as all else that is done with it.
  if (declared > 0) return Buffer.from(await request.arrayBuffer());
  if (!request.body) return Buffer.alloc(0);
  const chunks: Uint8Array[] = [];
  let size = 0;
  const reader = request.body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return Buffer.concat(chunks);
    size += value.byteLength;
    if (size > MAX_BODY_BYTES) {
      void reader.cancel();
      throw tooLarge();
    }
    chunks.push(value);
  }
}

/** @throws DomainError unsupported_media_type, invalid_request */
function parseJson(contentType: string | undefined, raw: Buffer): unknown {
  if (!contentType?.toLowerCase().startsWith('application/json')) {
    throw new DomainError(
      'unsupported_media_type',
      `the body is ${contentType ?? 'of no type'}; send application/json`,
    );
  }
  try {
    return JSON.parse(raw.toString('utf8'));
  } catch (error) {
    throw new DomainError(
      'invalid_request',
      `the body is not valid JSON: ${error instanceof Error ? error.message : ''}`,
    );
  }
}

function check(schema: z.ZodType | undefined, value: unknown, prefix: '' | 'query' | 'path'): unknown {
  if (!schema) return undefined;
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw validationFailed(parsed.error, prefix);
  const unknown = unknownFields(value, parsed.data, prefix);
  if (unknown.length > 0) throw fieldsRefused(unknown.map(unknownField));
  return parsed.data;
}

function strictly(schema: z.ZodType | undefined): z.ZodType | undefined {
  return schema && 'strict' in schema && typeof schema.strict === 'function' ? (schema.strict() as z.ZodType) : schema;
}

/** Validates the parts of a request against its route; unknown fields are errors, so that a typo is never ignored. */
export function createInputReader(route: RouteDefinition): (c: Context, raw: Buffer) => RouteInputs<RouteDefinition> {
  const body = strictly(route.body);
  // Health checks and links may carry anything; a private route never ignores what it was asked for (`?dry_run`).
  const query = strictly(route.query ?? (route.access === 'public' ? undefined : z.object({})));
  return (c, raw) => {
    return {
      params: check(route.params, route.params && c.req.param(), 'path') as never,
      query: check(query, query && queryValues(c), 'query') as never,
      body: check(body, body && bodyValue(c, raw), '') as never,
    };
  };
}

function queryValues(c: Context): Record<string, string> {
  const values = c.req.query();
  for (const name of PIPELINE_QUERY) delete values[name];
  return values;
}

function bodyValue(c: Context, raw: Buffer): unknown {
  return raw.length === 0 ? {} : parseJson(c.req.header('content-type'), raw);
}
