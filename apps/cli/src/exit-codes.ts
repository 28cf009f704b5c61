import type { ApiError } from '@quorate/shared/client';
import type { ERROR_CODES, ErrorCode } from '@quorate/shared/error-codes';

/** Exit statuses of `quorate`, as scripts rely on them. */
export const EXIT = {
  ok: 0,
  error: 1,
  usage: 2,
  auth: 3,
  notFound: 4,
  conflict: 5,
  /** No quorum, not ready, or nobody answers. */
  unavailable: 6,
  timeout: 7,
} as const;
export type Exit = keyof typeof EXIT;

type Status = (typeof ERROR_CODES)[ErrorCode]['status'];

/** Exhaustive: a new status in the contract does not compile until it has an exit status here. */
const BY_STATUS = {
  400: 'usage',
  401: 'auth',
  403: 'auth',
  404: 'notFound',
  405: 'error',
  409: 'conflict',
  412: 'conflict',
  413: 'usage',
  415: 'error',
  422: 'usage',
  428: 'conflict',
  429: 'error',
  500: 'error',
  503: 'unavailable',
  504: 'timeout',
} as const satisfies Record<Status, Exit>;

/** The few codes whose status alone would mislead. */
const BY_CODE = {
  idempotency_key_reused: 'conflict',
  unreachable: 'unavailable',
} as const satisfies Partial<Record<ApiError['code'], Exit>>;

/** What a proxy in front answers when no node does; anything else without a problem document is a plain error. */
const BY_PROXY_STATUS: Readonly<Record<number, Exit>> = { 502: 'unavailable', 503: 'unavailable', 504: 'timeout' };

/** The exit status for a failed call: by its code, else by its HTTP status. */
export function exitOf(code: ApiError['code'], status: number): Exit {
  if (code === 'unexpected_answer') return BY_PROXY_STATUS[status] ?? 'error';
  if (Object.hasOwn(BY_CODE, code)) return BY_CODE[code as keyof typeof BY_CODE];
  return Object.hasOwn(BY_STATUS, status) ? BY_STATUS[status as Status] : 'error';
}
