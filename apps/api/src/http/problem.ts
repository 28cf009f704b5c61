import { ERROR_CODES, type ErrorCode } from '@quorate/shared/error-codes';
import { type FieldError, PROBLEM_CONTENT_TYPE, type Problem } from '@quorate/shared/problem';
import { pointerPart } from '@quorate/shared/unknown-fields';
import type { z } from 'zod';
import { DomainError } from '../commands/domain-error';
import { OutcomeUnknown } from '../replication/proposer';

/** The problem document for anything thrown. Unknown errors become a 500 that tells nothing but the request id. */
export function toProblem(error: unknown, requestId: string): Problem {
  if (error instanceof DomainError) {
    return build(error.code, error.message, requestId, {
      ...(error.errors.length > 0 ? { errors: [...error.errors] } : {}),
      ...(error.retryAfter === undefined ? {} : { retry_after: error.retryAfter }),
    });
  }
  if (error instanceof OutcomeUnknown) {
    const detail =
      'the write was sent, but its result did not arrive in time. It may have been applied: ask ' +
      `GET /v1/commands/${error.commandId}, or repeat the request with the same Idempotency-Key`;
    return build('outcome_unknown', detail, requestId, { command_id: error.commandId });
  }
  return build(
    'internal',
    `the request failed; the node's log has the reason under request id ${requestId}`,
    requestId,
  );
}

function build(code: ErrorCode, detail: string, requestId: string, more: Partial<Problem> = {}): Problem {
  const { status, title } = ERROR_CODES[code];
  return { type: `urn:quorate:error:${code}`, title, status, detail, code, request_id: requestId, ...more };
}

export function problemResponse(problem: Problem, more: Record<string, string> = {}): Response {
  const headers: Record<string, string> = {
    'content-type': PROBLEM_CONTENT_TYPE,
    'cache-control': 'no-store',
    ...more,
  };
  if (problem.retry_after !== undefined) headers['retry-after'] = String(Math.ceil(problem.retry_after));
  if (problem.status === 401) headers['www-authenticate'] = 'Bearer';
  return new Response(JSON.stringify(problem), { status: problem.status, headers });
}

/** The refusal of what a schema does not take, with each field in its detail; `prefix` as in {@link fieldErrors}. */
export function validationFailed(error: z.ZodError, prefix: '' | 'query' | 'path' = ''): DomainError {
  return fieldsRefused(fieldErrors(error, prefix));
}

export function fieldsRefused(errors: FieldError[]): DomainError {
  const summary = errors.map((field) => `${field.pointer || 'body'}: ${field.detail}`).join('; ');
  return new DomainError('validation_failed', summary, errors);
}

export const unknownField = (pointer: string): FieldError => ({ pointer, detail: 'unknown field; remove it' });

/** Field errors with JSON pointers; `prefix` is empty for the body, `query` or `path` elsewhere. */
export function fieldErrors(error: z.ZodError, prefix: '' | 'query' | 'path'): FieldError[] {
  return error.issues.slice(0, 50).flatMap((issue) => {
    const base = [prefix, ...issue.path.map(pointerPart)];
    const pointer = prefix === '' && base.length === 1 ? '' : base.join('/');
    if (issue.code !== 'unrecognized_keys') return [{ pointer, detail: detailOf(issue) }];
    return issue.keys.map((key) => unknownField(`${pointer}/${pointerPart(key)}`));
  });
}

const TYPES: Readonly<Record<string, string>> = {
  string: 'text',
  int: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
};

/** What is wrong and what would be right, in the words of somebody who writes JSON. */
function detailOf(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_type') {
    const expected = TYPES[issue.expected] ?? issue.expected;
    const received = /received (\w+)$/.exec(issue.message)?.[1];
    if (received === 'undefined') return `is missing; expected ${expected}`;
    if (issue.expected === 'int' && received === 'number') return 'expected a whole number';
    return `expected ${expected}${received ? `, got ${TYPES[received] ?? received}` : ''}`;
  }
  if (issue.code === 'invalid_value')
    return `expected ${issue.values.map(String).join(', ')}`.replace(/, ([^,]*)$/, ' or $1');
  return issue.message;
}
