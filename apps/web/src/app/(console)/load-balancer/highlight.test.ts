import { describe, expect, it } from 'vitest';
import { tokenizeLine } from './highlight';

const kinds = (line: string) => tokenizeLine(line).map((token) => `${token.kind}:${token.text.trim()}`);

describe('tokenizeLine', () => {
  it.each([
    'frontend quorate',
    '    http-request set-header X-Forwarded-Proto https if { ssl_fc }',
    '  server node-1 10.0.0.1:8440 check inter 1000ms # first',
    '  log-format "%ci:%cp [%tr] \\"quoted\\""',
    '',
    '\t',
    '# only a comment',
  ])('loses nothing of %j', (line) => {
    expect(
      tokenizeLine(line)
        .map((token) => token.text)
        .join(''),
    ).toBe(line);
  });

  it('tells sections, directives, numbers, strings and comments apart', () => {
    expect(kinds('global')).toEqual(['section:global']);
    expect(kinds('    global-thing')[1]).toBe('directive:global-thing');
    expect(kinds('  timeout client 30s # idle')).toEqual([
      'text:',
      'directive:timeout',
      'text:client',
      'number:30s',
      'text:',
      'comment:# idle',
    ]);
    expect(kinds('  option httpchk "GET # x"')).toContain('string:"GET # x"');
    expect(kinds('  http-request set-var(txn.x) %[src]')).toContain('expression:%[src]');
  });
});
