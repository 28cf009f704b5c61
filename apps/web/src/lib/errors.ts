import { ApiError } from '@quorate/shared/client';

/** Any thrown value as an {@link ApiError}, so that one component can show them all. */
export function toApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  const detail = error instanceof Error ? error.message : String(error);
  return new ApiError({
    type: 'about:blank',
    title: 'The console failed',
    status: 0,
    detail,
    code: 'unexpected_answer',
    request_id: '',
  });
}

/** `/allowed_cidrs/0` → `allowed_cidrs`, `0`; `query/limit` → `limit`. */
export const pathOfPointer = (pointer: string): string[] =>
  pointer
    .replace(/^(query|path|header|body)\//, '/')
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));

/** Which field of a form shows the error of a place in the body: the one named first, unless a form says otherwise. */
export type FieldOf = (path: readonly string[]) => string;
export const firstOf: FieldOf = (path) => path[0] ?? '';

/** Field errors of a problem by the form's field; the first one of a field is kept. */
export function fieldErrorsOf(error: ApiError, fieldOf: FieldOf = firstOf): Map<string, string> {
  const byField = new Map<string, string>();
  for (const { pointer, detail } of error.problem.errors ?? []) {
    const field = fieldOf(pathOfPointer(pointer));
    if (!byField.has(field)) byField.set(field, detail);
  }
  return byField;
}

/** What the schemas say by themselves where the contract has no words of its own, and what a form says instead. */
const PLAIN: readonly [said: RegExp, plain: string][] = [
  [/^Too small: expected string to have >=1 characters$/, 'fill this in'],
  [/^Invalid input: expected (?:int|number), received \S+$/, 'expected a number'],
  [/^Too small: expected (?:int|number) to be >=(\S+)$/, 'at least $1'],
  [/^Too big: expected (?:int|number) to be <=(\S+)$/, 'at most $1'],
];

/** The message of an issue, in words that fit beside a field. */
export function messageOf({ message }: { readonly message: string }): string {
  const [said, plain] = PLAIN.find(([pattern]) => pattern.test(message)) ?? [];
  return said && plain ? message.replace(said, plain) : message;
}
