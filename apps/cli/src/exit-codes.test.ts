import { ERROR_CODES, isErrorCode } from '@quorate/shared/error-codes';
import { describe, expect, it } from 'vitest';
import { EXIT, exitOf } from './exit-codes';

const statusOf = (code: string): number => {
  if (!isErrorCode(code)) throw new Error(code);
  return EXIT[exitOf(code, ERROR_CODES[code].status)];
};

describe('exit statuses', () => {
  it.each([
    ['invalid_request', 2],
    ['validation_failed', 2],
    ['unauthenticated', 3],
    ['forbidden', 3],
    ['not_found', 4],
    ['membership_change_in_progress', 5],
    ['precondition_failed', 5],
    ['idempotency_key_reused', 5],
    ['no_quorum', 6],
    ['not_ready', 6],
    ['outcome_unknown', 7],
    ['internal', 1],
    ['too_many_requests', 1],
  ])('%s exits %i', (code, exit) => expect(statusOf(code)).toBe(exit));

  it('gives every code of the contract one of the documented statuses', () => {
    for (const code of Object.keys(ERROR_CODES)) expect(statusOf(code)).toBeGreaterThan(0);
  });

  it('tells an unreachable server, a proxy without nodes and a stranger apart', () => {
    expect(EXIT[exitOf('unreachable', 0)]).toBe(6);
    expect(EXIT[exitOf('unexpected_answer', 503)]).toBe(6);
    expect(EXIT[exitOf('unexpected_answer', 504)]).toBe(7);
    expect(EXIT[exitOf('unexpected_answer', 404)]).toBe(1);
  });
});
