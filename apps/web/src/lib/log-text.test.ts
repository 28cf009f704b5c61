import { expect, it } from 'vitest';
import { EMPTY_LOG, JOB_LOG, type LogEntry, REPLICA_LOG, SHOWN_CHARS, textOf, withEntries } from './log-text';

const output = (text: string): LogEntry => ({ kind: 'output', text });

it('shows the output of a job in order, with remarks on attempts and gaps', () => {
  const events: [name: string, data: unknown][] = [
    ['waiting', { state: 'queued', waiting_for: 'no room' }],
    ['attempt', { attempt: 1, runner: 'a' }],
    ['output', { attempt: 1, offset: 0, text: 'x' }],
    ['output', { attempt: 1, offset: 1, text: 'y\n' }],
    ['gap', { attempt: 1, offset: 3, bytes: 70, reason: 'not kept' }],
    ['attempt', { attempt: 2, runner: 'b' }],
    ['output', { attempt: 2, offset: 0, text: 'z' }],
    ['end', { state: 'failed', attempt: 2, exit_code: 3, signal: null, error: '' }],
  ];
  expect(events.every(([name]) => JOB_LOG.names.includes(name))).toBe(true);
  const entries = events.map(([name, data]) => JOB_LOG.read(name, data));
  const log = withEntries(EMPTY_LOG, entries);
  expect(log.pieces.map(({ kind, text }) => `${kind}: ${text}`)).toEqual([
    'remark: attempt 1 on a',
    'output: xy\n',
    'remark: 70 bytes left out: not kept',
    'remark: attempt 2 on b',
    'output: z',
  ]);
  expect([textOf(log), log.waiting, entries.at(-1)?.kind]).toEqual(['xy\nz', null, 'over']);
});

it('says what it waits for until something comes', () => {
  const waiting = withEntries(EMPTY_LOG, [{ kind: 'waiting', text: 'no room' }]);
  expect(waiting.waiting).toBe('no room');
  expect(withEntries(waiting, [output('x')]).waiting).toBeNull();
});

it('keeps the newest output and says that older was cut', () => {
  let log = EMPTY_LOG;
  for (let count = 0; count < 30; count += 1) log = withEntries(log, [output('x'.repeat(SHOWN_CHARS / 20))]);
  expect(log.chars).toBeLessThanOrEqual(SHOWN_CHARS);
  expect([log.cut, log.pieces.length, log.pieces.at(-1)?.key]).toEqual([true, 20, 29]);
});

it('shows the output of a replica over its placements, and what became of each', () => {
  const log = withEntries(
    EMPTY_LOG,
    [
      ['replica', { generation: 7, runner: 'a', state: 'backing_off', reason: 'exit 3' }],
      ['output', { generation: 7, offset: 0, text: 'x' }],
      ['gap', { generation: 7, offset: 1, bytes: 70 }],
      ['replica', { generation: 8, runner: null, state: 'pending', reason: 'every runner is full' }],
    ].map(([name, data]) => REPLICA_LOG.read(name as string, data)),
  );
  expect(log.pieces.map(({ kind, text }) => `${kind}: ${text}`)).toEqual([
    'remark: placement 7 on a is backing off: exit 3',
    'output: x',
    'remark: 70 bytes left out: older than what is kept',
  ]);
  expect(log.waiting).toBe('every runner is full');
  expect(withEntries(log, [REPLICA_LOG.read('end', { reason: 'gone' })]).waiting).toBeNull();
});
