import { describe, expect, it } from 'vitest';
import { safeReturnPath, signInPath } from './sign-in-path';

describe('safeReturnPath', () => {
  it.each(['/members', '/members?show=voters', '/load-balancer?tab=check#x'])('keeps %s', (path) => {
    expect(safeReturnPath(path)).toBe(path);
  });
  it.each([
    null,
    '',
    'https://evil.example',
    '//evil.example',
    '/\\evil.example',
    'javascript:alert(1)',
    '/sign-in',
    '/setup?x=1',
  ])('turns %s into the overview', (path) => {
    expect(safeReturnPath(path)).toBe('/');
  });
  it('survives the round trip through the address', () => {
    const path = '/members?q=a b&show=voters';
    expect(new URL(signInPath(path), 'http://x').searchParams.get('next')).toBe(path);
    expect(signInPath('/')).toBe('/sign-in');
  });
});
