import { HEADER } from '@quorate/shared/http-headers';
import { CORE_RUNNER } from '@quorate/shared/jobs';
import { DomainError } from '../../../commands/domain-error';
import { createRawStream, type OutputStreams } from '../../output-stream';
import { findJob } from '../queries';
import { attemptOf, followJob, type LogPlace, type LogSource } from './follow';

/** `2.1234` of Last-Event-ID: attempt 2, and so many bytes of it. Anything else: from the beginning. */
export function placeOf(header: string | undefined): LogPlace | undefined {
  const found = /^(\d{1,15})\.(\d{1,15})$/.exec(header ?? '');
  return found ? { attempt: Number(found[1]), offset: Number(found[2]) } : undefined;
}

/** Streams of job output of one node. */
export interface LogStreams {
  /** @throws DomainError overloaded */
  follow(id: string, from: LogPlace | undefined, signal: AbortSignal): Response;
  /** What is kept of an attempt by now, byte by byte; default: the last one. @throws DomainError not_found */
  asItIs(id: string, attempt: number | undefined, signal: AbortSignal): Promise<Response>;
}

export function createLogStreams(source: LogSource, streams: OutputStreams): LogStreams {
  const follow: LogStreams['follow'] = (id, from, signal) =>
    streams.open((cut) => followJob(source, id, from, cut), signal);

  async function asItIs(id: string, wanted: number | undefined, signal: AbortSignal): Promise<Response> {
    const job = findJob(source.db(), id);
    const row = attemptOf(source.db(), id, wanted ?? job.attempt);
    if (wanted !== undefined && !row) throw new DomainError('not_found', `the job has no attempt ${wanted}`);
    const read = (offset: number) =>
      row && row.runnerId !== CORE_RUNNER
        ? source.read(row.runnerId, { id, attempt: row.attempt, offset, wait_ms: 0 }, signal)
        : undefined;
    const first = await read(0);
    const isLast = row === undefined || row.attempt === job.attempt;
    if (!first && !isLast) {
      const runner = source.nameOf(row.runnerId);
      throw new DomainError(
        'not_found',
        `the output of attempt ${row.attempt} is with ${runner}, which has it no more`,
      );
    }
    const headers = { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' };
    if (!first) return new Response(job.outputTail, { headers: { ...headers, [HEADER.output]: 'tail' } });
    const body = createRawStream(first, read);
    return new Response(body, { headers: { ...headers, [HEADER.output]: 'runner' } });
  }

  return { follow, asItIs };
}
