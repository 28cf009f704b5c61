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

/** `/max_uses` → `max_uses`, `/allowed_cidrs/0` → `allowed_cidrs`, `query/limit` → `limit`. */
export function fieldOfPointer(pointer: string): string {
  const parts = pointer.replace(/^(query|path|header|body)\//, '/').split('/');
  return (parts[1] ?? '').replaceAll('~1', '/').replaceAll('~0', '~');
}

/** Field errors of a problem by the top-level field of the body; the first one of a field is kept. */
export function fieldErrorsOf(error: ApiError): Map<string, string> {
  const byField = new Map<string, string>();
  for (const { pointer, detail } of error.problem.errors ?? []) {
    const field = fieldOfPointer(pointer);
    if (!byField.has(field)) byField.set(field, detail);
  }
  return byField;
}
