import { setImmediate } from 'node:timers/promises';
import type { JobReport } from '@quorate/shared/runner-protocol';
import { afterEach, expect, it } from 'vitest';
import { silentLogger } from '../../lib/logger';
import { until } from '../../testing/until';
import { lostEnd } from './job-run';
import { createReportQueue, type ReportQueue } from './report-queue';

let queue: ReportQueue;
afterEach(() => queue.close(0));

const started = (id: string): JobReport => ({ id, attempt: 1, step: 'started' });
const finished = (id: string): JobReport => ({ id, attempt: 1, step: 'finished', began: true, end: lostEnd('') });
const shown = (reports: readonly JobReport[]): string[] => reports.map(({ id, step }) => `${id} ${step}`);

/** `held`: nothing is taken before it is released. */
function startQueue({ isBusy = (): boolean => false, held = false, lingerMs = 60_000 } = {}) {
  const sent: string[][] = [];
  let release = (): void => {};
  const hold = held ? new Promise<void>((resolve) => (release = resolve)) : undefined;
  const send = async (reports: JobReport[]): Promise<void> => {
    sent.push(shown(reports));
    await hold;
  };
  queue = createReportQueue({ send, isBusy, lingerMs, logger: silentLogger() });
  return { sent, release: () => release() };
}

it('sends what comes while others are under way together, a start with its end as one', async () => {
  const { sent, release } = startQueue({ held: true });
  const first = queue.add(started('a'));
  await until(() => sent.length === 1, 'the first is under way');
  const rest = ['b', 'c'].flatMap((id) => [queue.add(started(id)), queue.add(finished(id))]);
  const [end, alone] = [queue.add(finished('a')), queue.add(started('d'))];
  release();
  await Promise.all([first, ...rest, end, alone]);
  expect(sent).toEqual([['a started'], ['b finished', 'c finished', 'a finished', 'd started']]);
});

it('waits while programs run, until none of them does', async () => {
  let busy = true;
  const { sent } = startQueue({ isBusy: () => busy });
  const first = queue.add(started('a'));
  await setImmediate();
  busy = false;
  await Promise.all([first, queue.add(finished('a'))]);
  expect(sent).toEqual([['a finished']]);
});

it('does not wait for ever for programs that run on', async () => {
  const { sent } = startQueue({ isBusy: () => true, lingerMs: 5 });
  await queue.add(started('a'));
  expect(sent).toEqual([['a started']]);
});

it('sends again what nobody took, in the same order', async () => {
  const sent: string[][] = [];
  const send = async (reports: JobReport[]): Promise<void> => {
    sent.push(shown(reports));
    if (sent.length === 1) throw new Error('no quorum');
  };
  queue = createReportQueue({ send, isBusy: () => false, logger: silentLogger() });
  const first = queue.add(started('a'));
  await until(() => sent.length === 1, 'it was sent once');
  await Promise.all([first, queue.add(finished('a')), queue.add(finished('b'))]);
  expect(sent).toEqual([['a started'], ['a finished', 'b finished']]);
});
