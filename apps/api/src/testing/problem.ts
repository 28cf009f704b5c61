import { HEADER } from '@quorate/shared/http-headers';
import { PROBLEM_CONTENT_TYPE } from '@quorate/shared/problem';
import { expect } from 'vitest';
import type { Answer } from './api-node';

/** The answer is a whole problem document of this status and code. */
export function expectProblem(answer: Answer, status: number, code: string): void {
  expect(answer.body).toMatchObject({ status, code, type: `urn:quorate:error:${code}` });
  expect(answer.status).toBe(status);
  expect(answer.headers.get('content-type')).toBe(PROBLEM_CONTENT_TYPE);
  expect(answer.headers.get(HEADER.requestId)).toBe(answer.body.request_id);
  expect(answer.headers.get(HEADER.node)).toBe('1');
  expect(answer.body.title).not.toBe('');
  expect(answer.body.detail).not.toBe('');
}

/** Where the problem found something wrong. */
export const pointersOf = (answer: Answer): string[] =>
  answer.body.errors?.map((error: { pointer: string }) => error.pointer);
