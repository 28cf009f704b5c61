import { type JobReport, MAX_REPORT_BYTES, MAX_REPORTS } from '@quorate/shared/runner-protocol';
import { delay } from '../../lib/async';
import type { Logger } from '../../lib/logger';

/** Sends reports in the order in which they were made, those that wait together, each until somebody has taken it. */
export interface ReportQueue {
  /** Resolves when it was taken, or the queue was closed. */
  add(report: JobReport): Promise<void>;
  /** Resolves when nothing waits any more, or after `waitMs`; then nothing is sent any more. */
  close(waitMs: number): Promise<void>;
}

interface Waiting {
  readonly report: JobReport;
  readonly bytes: number;
  readonly taken: () => void;
}

const RETRY_MS = 500;
/** A start waits so long for an end to go along with it: a short job costs one entry of the log less. */
const LINGER_MS = 25;

/** `send` resolves when the log has them, or has refused them for good. @throws while nobody could take them */
export function createReportQueue(send: (reports: JobReport[]) => Promise<void>, logger: Logger): ReportQueue {
  const stopping = new AbortController();
  let queue: Waiting[] = [];
  let lingering: AbortController | undefined;
  let pumping: Promise<void> | undefined;

  function takeBatch(): Waiting[] {
    let bytes = 0;
    let count = 0;
    for (const one of queue) {
      bytes += one.bytes;
      if (count > 0 && (count >= MAX_REPORTS || bytes > MAX_REPORT_BYTES)) break;
      count += 1;
    }
    return queue.slice(0, count);
  }

  async function linger(): Promise<void> {
    if (queue.some(({ report }) => report.step === 'finished')) return;
    lingering = new AbortController();
    await delay(LINGER_MS, lingering.signal);
    lingering = undefined;
  }

  async function pump(): Promise<void> {
    // What else this turn of the event loop brings goes along.
    await new Promise((resolve) => setImmediate(resolve));
    while (queue.length > 0 && !stopping.signal.aborted) {
      await linger();
      const batch = takeBatch();
      try {
        await send(batch.map(({ report }) => report));
        queue = queue.slice(batch.length);
        for (const { taken } of batch) taken();
      } catch (error) {
        logger.debug({ err: error, reports: batch.length }, 'reports were not taken; trying again');
        await delay(RETRY_MS, stopping.signal);
      }
    }
    pumping = undefined;
  }

  return {
    add(report) {
      if (stopping.signal.aborted) return Promise.resolve();
      const bytes = Buffer.byteLength(JSON.stringify(report));
      return new Promise((taken) => {
        queue.push({ report, bytes, taken });
        if (report.step === 'finished') lingering?.abort();
        pumping ??= pump();
      });
    },
    async close(waitMs) {
      const cut = new AbortController();
      await Promise.race([pumping, delay(waitMs, cut.signal)]);
      cut.abort();
      stopping.abort();
      for (const { taken } of queue) taken();
      queue = [];
    },
  };
}
