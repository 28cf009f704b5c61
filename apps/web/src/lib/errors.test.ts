import { ApiError } from '@quorate/shared/client';
import { expect, it } from 'vitest';
import { fieldErrorsOf, firstOf, pathOfPointer, toApiError } from './errors';

it.each([
  ['/max_uses', 'max_uses'],
  ['/allowed_cidrs/0', 'allowed_cidrs'],
  ['query/limit', 'limit'],
  ['/a~1b', 'a/b'],
  ['', ''],
])('finds the field of %j', (pointer, field) => {
  expect(firstOf(pathOfPointer(pointer))).toBe(field);
});

it('keeps the first error of a field', () => {
  const error = new ApiError({
    type: 'about:blank',
    title: 'Some fields are not valid',
    status: 422,
    detail: '',
    code: 'validation_failed',
    request_id: '1',
    errors: [
      { pointer: '/allowed_cidrs/0', detail: 'first' },
      { pointer: '/allowed_cidrs/1', detail: 'second' },
    ],
  });
  expect(fieldErrorsOf(error)).toEqual(new Map([['allowed_cidrs', 'first']]));
});

it('turns anything thrown into an error that can be shown', () => {
  expect(toApiError(new TypeError('no')).message).toBe('no');
  expect(toApiError('plain').code).toBe('unexpected_answer');
});
