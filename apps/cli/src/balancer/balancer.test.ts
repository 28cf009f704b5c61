import { existsSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { eventually } from '../testing/cli';
import { runCommand, splitCommand } from './command-line';
import { parseConfig, planChange } from './config-text';

describe('a command without a shell', () => {
  it.each([
    ['systemctl reload haproxy', ['systemctl', 'reload', 'haproxy']],
    [`  a  'b c' "d 'e'" f\\ g  `, ['a', 'b c', "d 'e'", 'f g']],
    [`x '' "a\\"b" '\\'`, ['x', '', 'a"b', '\\']],
    ["kill -USR2 '$PID'", ['kill', '-USR2', '$PID']],
  ])('splits %s', (text, words) => {
    expect(splitCommand(text, '--reload')).toEqual(words);
  });

  it.each(['', '  ', 'a | b', 'a && b', 'a > f', 'kill $(cat pid)', "a 'b", 'a \\'])('refuses %j', (text) => {
    expect(() => splitCommand(text, '--reload')).toThrow(/^--reload: /);
  });

  it('gives every word back that was quoted', () => {
    const quote = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`;
    const words = fc.array(fc.string(), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(words, (list) => {
        expect(splitCommand(list.map(quote).join(' '), 'x')).toEqual(list);
      }),
    );
  });

  it('says why it failed, and ends what takes too long with its children', async () => {
    expect(await runCommand(['/nonexistent/tool'], 5_000)).toMatchObject({
      ok: false,
      why: expect.stringContaining('no program'),
    });
    expect(await runCommand(['sh', '-c', 'echo no >&2; exit 3'], 5_000)).toEqual({
      ...{ ok: false, why: 'sh ended with status 3', output: 'no\n' },
    });
    const slow = await runCommand(['sh', '-c', 'sleep 60 & echo $!; wait'], 300);
    expect(slow.why).toBe('sh took longer than 0.3s');
    const commandOf = (pid: string): string => readFileSync(`/proc/${pid}/cmdline`, 'utf8');
    // Gone, or dead and not yet collected.
    await eventually('its child is dead', 10_000, () => {
      const pid = slow.output.trim();
      return !existsSync(`/proc/${pid}`) || commandOf(pid) === '' || undefined;
    });
  });
});

describe('what a change takes', () => {
  const text = (servers: readonly string[], more = ''): string =>
    [
      '# revision',
      'global',
      '    maxconn 100',
      more,
      'backend a',
      '    default-server check',
      ...servers,
      'backend b',
      '',
    ].join('\n');
  const plan = (before: string, after: string) => planChange(parseConfig(before), parseConfig(after));
  const one = '    server x 10.0.0.1:80 id 1';

  it('is nothing for comments and blank lines', () => {
    expect(plan(text([one]), text([one], '    # words').replace('revision', 'other'))).toEqual({ kind: 'nothing' });
  });

  it('is a list of servers, new capacity first', () => {
    const after = text(['    server y 10.0.0.2:80 id 2', '    server w 10.0.0.9:81 id 3 disabled']);
    const found = plan(text([one, '    server w 10.0.0.3:80 id 3']), after);
    expect(found.kind === 'servers' && found.changes.map(({ kind, server }) => `${kind} ${server.name}`)).toEqual([
      ...['add y', 'move w', 'disable w', 'remove x'],
    ]);
  });

  it('is a reload for everything else', () => {
    const more = ['    server x 10.0.0.1:80 id 1 maxconn 5', '    server x 10.0.0.1:80 id 2'];
    for (const line of more) expect(plan(text([one]), text([line])).kind).toBe('reload');
    expect(plan(text([one]), text([one], '    user haproxy')).kind).toBe('reload');
    expect(plan(text([one]), text([one]).replace('check', 'check inter 1s')).kind).toBe('reload');
    expect(plan(text([one]), `${text([one])}backend c\n`).kind).toBe('reload');
  });

  it('knows the socket that may change things', () => {
    const socket = (line: string) => parseConfig(`global\n    stats socket ${line}\n`).runtimeSocket;
    expect(socket("'/run/a b.sock' mode 660 level admin expose-fd listeners")).toBe('/run/a b.sock');
    expect(socket('/run/x.sock level user')).toBeUndefined();
  });
});
