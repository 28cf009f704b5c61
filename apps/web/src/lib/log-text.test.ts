import { expect, it } from 'vitest';
import { EMPTY_LOG, type LogEvent, SHOWN_CHARS, textOf, withEvents } from './log-text';

const output = (text: string, attempt = 1): LogEvent => ({ name: 'output', data: { attempt, offset: 0, text } });
const end: LogEvent = {
  name: 'end',
  data: { state: 'failed', attempt: 2, exit_code: 3, signal: null, error: '' },
};

it('shows output in order, with remarks on attempts and gaps', () => {
  const log = withEvents(EMPTY_LOG, [
    { name: 'waiting', data: { state: 'queued', waiting_for: 'no room' } },
    { name: 'attempt', data: { attempt: 1, runner: 'a' } },
    output('x'),
    output('y\n'),
    { name: 'gap', data: { attempt: 1, offset: 3, bytes: 70, reason: 'not kept' } },
    { name: 'attempt', data: { attempt: 2, runner: 'b' } },
    output('z', 2),
    end,
  ]);
  expect(log.pieces.map(({ kind, text }) => `${kind}: ${text}`)).toEqual([
    'remark: attempt 1 on a',
    'output: xy\n',
    'remark: 70 bytes left out: not kept',
    'remark: attempt 2 on b',
    'output: z',
  ]);
  expect([textOf(log), log.waiting, log.end?.exit_code]).toEqual(['xy\nz', null, 3]);
});

it('says what it waits for until something comes', () => {
  const waiting = withEvents(EMPTY_LOG, [{ name: 'waiting', data: { state: 'queued', waiting_for: 'no room' } }]);
  expect(waiting.waiting).toBe('no room');
  expect(withEvents(waiting, [output('x')]).waiting).toBeNull();
});

it('keeps the newest output and says that older was cut', () => {
  let log = EMPTY_LOG;
  for (let count = 0; count < 30; count += 1) log = withEvents(log, [output('x'.repeat(SHOWN_CHARS / 20))]);
  expect(log.chars).toBeLessThanOrEqual(SHOWN_CHARS);
  expect([log.cut, log.pieces.length, log.pieces.at(-1)?.key]).toEqual([true, 20, 29]);
});
