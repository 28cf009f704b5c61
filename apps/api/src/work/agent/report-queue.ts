import { type JobReport, MAX_REPORT_BYTES, MAX_REPORTS } from '@quorate/shared/runner-protocol';
import { createAlarm, delay } from '../../lib/async';
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
/**
 * While programs run, a report waits so long for others to go along: what goes together costs one entry of the log, and a
 * start with its end one report.
 */
const LINGER_MS = 30;

export interface ReportQueueOptions {
  /** Resolves when the log has them, or has refused them for good. @throws while nobody could take them */
  readonly send: (reports: JobReport[]) => Promise<void>;
  /** There may be more to report in a moment: programs run. */
  readonly isBusy: () => boolean;
  readonly lingerMs?: number;
  readonly logger: Logger;
}

export function createReportQueue({ send, isBusy, lingerMs = LINGER_MS, logger }: ReportQueueOptions): ReportQueue {
  const stopping = new AbortController();
  const idle = createAlarm();
  let queue: Waiting[] = [];
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

  async function pump(): Promise<void> {
    // What else this turn of the event loop brings goes along.
    await new Promise((resolve) => setImmediate(resolve));
    while (queue.length > 0 && !stopping.signal.aborted) {
      if (isBusy() && queue.length < MAX_REPORTS) await idle.wait(lingerMs);
      const batch = takeBatch();
      try {
        await send(withoutStarts(batch.map(({ report }) => report)));
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
        if (!isBusy()) idle.ring();
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

const keyOf = ({ id, attempt }: JobReport): string => `${id}.${attempt}`;

/** A start is told by its end, where both go together. */
function withoutStarts(reports: JobReport[]): JobReport[] {
  const ended = new Set(reports.filter(({ step }) => step === 'finished').map(keyOf));
  return reports.filter((report) => report.step === 'finished' || !ended.has(keyOf(report)));
}
