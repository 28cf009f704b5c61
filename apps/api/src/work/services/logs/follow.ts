import type { ReplicaLogEvents } from '@quorate/shared/services';
import { DomainError } from '../../../commands/domain-error';
import type { LogPlace, LogSource } from '../../jobs/logs/follow';
import { createTextCutter } from '../../jobs/logs/text-cutter';
import { createRawStream, type OutputStreams } from '../../output-stream';
import { replicaAt } from '../queries';

export type ReplicaLogSource = Pick<LogSource, 'db' | 'read' | 'nameOf' | 'changed'>;

type ReplicaLogEvent = {
  readonly [Name in keyof ReplicaLogEvents]: {
    readonly name: Name;
    readonly data: ReplicaLogEvents[Name];
    /** Its attempt is the generation. */
    readonly place?: LogPlace;
  };
}[keyof ReplicaLogEvents];

export interface ReplicaOf {
  readonly service: string;
  readonly slot: number;
}

/** Streams of what replicas write. */
export interface ReplicaLogs {
  /** @throws DomainError overloaded */
  follow(of: ReplicaOf, from: LogPlace | undefined, signal: AbortSignal): Response;
  /** What is kept by now, byte by byte. @throws DomainError not_found */
  asItIs(of: ReplicaOf, signal: AbortSignal): Promise<Response>;
}

const WAIT_MS = 10_000;
const LOOK_MS = 1_000;

export function createReplicaLogs(source: ReplicaLogSource, streams: OutputStreams): ReplicaLogs {
  return {
    follow: (of, from, signal) => streams.open((cut) => followReplica(source, of, from, cut), signal),
    async asItIs(of, signal) {
      const row = replicaAt(source.db(), of.service, of.slot);
      const runnerId = row?.runnerId ?? null;
      const read = (offset: number) =>
        row && runnerId !== null
          ? source.read(runnerId, { ...of, generation: row.generation, offset, wait_ms: 0 }, signal)
          : undefined;
      const first = await read(0);
      if (!first) throw new DomainError('not_found', whyNone(source, of, runnerId));
      const headers = { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' };
      return new Response(createRawStream(first, read), { headers });
    },
  };
}

function whyNone({ nameOf }: ReplicaLogSource, { service, slot }: ReplicaOf, runnerId: string | null): string {
  if (runnerId === null) return `replica ${slot} of ${service} is on no runner, so it has written nothing`;
  return `the output of replica ${slot} of ${service} is with the runner ${nameOf(runnerId)}, which cannot be reached`;
}

/** What a replica slot writes, generation by generation, until there is no such slot any more. */
async function* followReplica(
  source: ReplicaLogSource,
  of: ReplicaOf,
  from: LogPlace | undefined,
  signal: AbortSignal,
): AsyncGenerator<ReplicaLogEvent> {
  let generation = from?.attempt ?? -1;
  let cutter = createTextCutter(from?.offset ?? 0);
  let told = '';
  while (!signal.aborted) {
    const row = replicaAt(source.db(), of.service, of.slot);
    if (!row) {
      yield { name: 'end', data: { reason: `there is no replica ${of.slot} of ${of.service} any more` } };
      return;
    }
    if (row.generation !== generation) {
      generation = row.generation;
      cutter = createTextCutter(0);
    }
    const runner = row.runnerId === null ? null : source.nameOf(row.runnerId);
    const { state, reason } = row;
    const now = { generation, runner, state, reason };
    const text = JSON.stringify(now);
    if (text !== told) yield { name: 'replica', data: now };
    told = text;
    const range = { ...of, generation, offset: cutter.next, wait_ms: WAIT_MS };
    const chunk = row.runnerId === null ? undefined : await source.read(row.runnerId, range, signal);
    if (!chunk) {
      await source.changed(LOOK_MS, signal);
      continue;
    }
    if (chunk.offset > cutter.next) {
      const gap = { generation, offset: cutter.offset, bytes: chunk.offset - cutter.offset };
      cutter.skip(chunk.offset);
      yield { name: 'gap', data: gap, place: { attempt: generation, offset: cutter.offset } };
    }
    const { begin, text: wrote } = cutter.take(Buffer.from(chunk.data, 'base64'), false);
    const place = { attempt: generation, offset: cutter.offset };
    if (wrote !== '') yield { name: 'output', data: { generation, offset: begin, text: wrote }, place };
  }
}
