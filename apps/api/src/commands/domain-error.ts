import type { ErrorCode } from '@quorate/shared/error-codes';
import type { FieldError } from '@quorate/shared/problem';

/**
 * A refusal that is part of the result: the command changed nothing, the caller is told why.
 * Any other exception inside `apply` stops the node.
 */
export class DomainError extends Error {
  override readonly name = 'DomainError';
  constructor(
    readonly code: ErrorCode,
    detail: string,
    readonly errors: readonly FieldError[] = [],
    /** Seconds after which trying again makes sense. */
    readonly retryAfter?: number,
  ) {
    super(detail);
  }
}
