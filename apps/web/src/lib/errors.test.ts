import { ApiError } from '@quorate/shared/client';
import { jobRoutes } from '@quorate/shared/jobs';
import { serviceRoutes } from '@quorate/shared/services';
import { expect, it } from 'vitest';
import { fieldErrorsOf, firstOf, messageOf, pathOfPointer, toApiError } from './errors';

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

it('says what is wrong beside a field in plain words, and leaves those of the contract', () => {
  const messages = (schema: typeof jobRoutes.create.body | typeof serviceRoutes.create.body, body: unknown) =>
    schema.safeParse(body).error?.issues.map(messageOf);
  const spec = { kind: 'exec', command: '', timeout_seconds: Number.NaN };
  expect(messages(jobRoutes.create.body, { spec, priority: 101, retry: { max_attempts: 0 } })).toEqual([
    'fill this in',
    'expected a number',
    'at most 100',
    'at least 1',
  ]);
  expect(messages(serviceRoutes.create.body, { name: 'Web', spec: { command: 'x' } })).toEqual([
    expect.stringContaining('use lower-case letters'),
  ]);
});
