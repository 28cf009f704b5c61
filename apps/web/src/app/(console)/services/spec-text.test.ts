import { serviceSpecSchema } from '@quorate/shared/services';
import { describe, expect, it } from 'vitest';
import { problemsOf, specOfText, textOfSpec } from './spec-text';

const SPEC = serviceSpecSchema.parse({ command: '/opt/web', ports: ['http'], health: { type: 'tcp', port: 'http' } });
const said = (text: string, refused: { pointer: string; detail: string }[] = []): string[] =>
  problemsOf(text, refused).map(({ line, pointer, message }) => `${line} ${pointer}: ${message}`);

it('shows a specification and reads the same, as JSON and as YAML', () => {
  expect(specOfText(textOfSpec(SPEC))).toEqual(SPEC);
  expect(said(textOfSpec(SPEC))).toEqual([]);
  expect(specOfText('command: /opt/web # the new one\nports: [http]\n')).toEqual({
    command: '/opt/web',
    ports: ['http'],
  });
});

describe('what is wrong is at its line', () => {
  it.each([
    ['what is no JSON', '{\n  "command": "x",\n  "ports": ["http"\n}', '4 : '],
    ['a field of another type', '{\n  "command": "x",\n  "args": [\n    "a",\n    7\n  ]\n}', '5 /args/1: '],
    ['a field that is missing', '{\n  "env": {}\n}', '1 /command: '],
    [
      'a rule between two fields',
      'command: x\nports: [a]\nhealth:\n  type: tcp\n  port: b',
      '5 /health/port: name one of',
    ],
    [
      'a field that nobody knows',
      '{\n  "command": "x",\n  "health": {\n    "type": "none",\n    "path": "/"\n  }\n}',
      '5 /health/path: unknown',
    ],
    ['a text that is no specification', 'web', '1 : '],
    ['nothing', '', '1 : '],
  ])('%s', (_what, text, expected) => {
    expect(said(text)).toEqual([expect.stringContaining(expected)]);
    expect(said(text)[0]?.startsWith(expected)).toBe(true);
  });

  it('what the server said, and only of the specification', () => {
    const refused = [
      { pointer: '/spec/labels/a.b~1c', detail: 'no' },
      { pointer: '/name', detail: 'taken' },
    ];
    expect(said('command: x\nlabels:\n  zone: b\n  a.b/c: d', refused)).toEqual(['4 /labels/a.b~1c: no']);
  });
});

it('does not unfold what would never end', () => {
  const bomb = [
    'a: &a [x,x,x,x,x,x]',
    ...Array.from(
      { length: 9 },
      (_, n) => `${'bcdefghij'[n]}: &${'bcdefghij'[n]} [${Array(6).fill(`*${'abcdefghi'[n]}`).join(',')}]`,
    ),
  ].join('\n');
  expect(said(bomb)).toEqual([expect.stringContaining('alias')]);
});
