import type { JobLogEvents } from '@quorate/shared/jobs';
import type { ReplicaLogEvents } from '@quorate/shared/services';

/** The newest so many characters of an output are shown; all that is kept of it is a download. */
export const SHOWN_CHARS = 400_000;

/** What an event of a stream of output means to the reader. */
export type LogEntry =
  | { readonly kind: 'output' | 'remark'; readonly text: string }
  /** There is nothing to show yet, for this reason. */
  | { readonly kind: 'waiting'; readonly text: string }
  | { readonly kind: 'over' };

/** A kind of stream: the events that it has, and what each means. */
export interface LogSource {
  readonly names: readonly string[];
  readonly read: (name: string, data: unknown) => LogEntry;
}

/** A stretch of output, or a remark of ours between two of them. */
export interface LogPiece {
  /** Never used again, so that what is drawn stays as it is. */
  readonly key: number;
  readonly kind: 'output' | 'remark';
  readonly text: string;
}

export interface LogText {
  readonly pieces: readonly LogPiece[];
  readonly chars: number;
  /** Older output that was here is not shown any more. */
  readonly cut: boolean;
  readonly waiting: string | null;
  readonly nextKey: number;
}

export const EMPTY_LOG: LogText = { pieces: [], chars: 0, cut: false, waiting: null, nextKey: 0 };

/** Drops whole pieces from the front until it is short enough; the newest piece always stays. */
function bounded(log: LogText): LogText {
  let { chars } = log;
  let drop = 0;
  while (chars > SHOWN_CHARS && drop < log.pieces.length - 1) {
    chars -= log.pieces[drop]?.text.length ?? 0;
    drop += 1;
  }
  return drop === 0 ? log : { ...log, pieces: log.pieces.slice(drop), chars, cut: true };
}

function one(log: LogText, entry: LogEntry): LogText {
  if (entry.kind === 'waiting') return { ...log, waiting: entry.text };
  if (entry.kind === 'over') return { ...log, waiting: null };
  const { kind, text } = entry;
  return {
    ...log,
    pieces: [...log.pieces, { key: log.nextKey, kind, text }],
    chars: log.chars + text.length,
    waiting: null,
    nextKey: log.nextKey + 1,
  };
}

/** What is shown after these entries. Neighbouring output becomes one piece, so that a chatty program draws few. */
export function withEntries(log: LogText, entries: readonly LogEntry[]): LogText {
  const merged: LogEntry[] = [];
  for (const entry of entries) {
    const last = merged.at(-1);
    if (entry.kind === 'output' && last?.kind === 'output') {
      merged[merged.length - 1] = { kind: 'output', text: last.text + entry.text };
    } else merged.push(entry);
  }
  return bounded(merged.reduce(one, log));
}

export const textOf = ({ pieces }: LogText): string =>
  pieces
    .filter(({ kind }) => kind === 'output')
    .map(({ text }) => text)
    .join('');

const leftOut = (bytes: number | null, why: string): string =>
  `${bytes === null ? 'some output' : `${bytes} bytes`} left out: ${why}`;

const JOB: { [Name in keyof JobLogEvents]: (data: JobLogEvents[Name]) => LogEntry } = {
  waiting: (data) => ({ kind: 'waiting', text: data.waiting_for ?? 'for a runner to take it' }),
  attempt: ({ attempt, runner }) => ({ kind: 'remark', text: `attempt ${attempt} on ${runner}` }),
  output: ({ text }) => ({ kind: 'output', text }),
  gap: ({ bytes, reason }) => ({ kind: 'remark', text: leftOut(bytes, reason) }),
  end: () => ({ kind: 'over' }),
};

/** The contract says what data comes with which name. */
const sourceOf = <Events extends object>(
  means: { [Name in keyof Events]: (data: Events[Name]) => LogEntry },
): LogSource => ({
  names: Object.keys(means),
  read: (name, data) => means[name as keyof Events](data as Events[keyof Events]),
});

/** The output of a job, over all of its further attempts. */
export const JOB_LOG = sourceOf<JobLogEvents>(JOB);

const REPLICA: { [Name in keyof ReplicaLogEvents]: (data: ReplicaLogEvents[Name]) => LogEntry } = {
  replica: ({ generation, runner, state, reason }) => {
    const why = reason ? `: ${reason}` : '';
    if (runner === null) return { kind: 'waiting', text: reason || 'for a runner that has room' };
    return { kind: 'remark', text: `placement ${generation} on ${runner} is ${state.replaceAll('_', ' ')}${why}` };
  },
  output: ({ text }) => ({ kind: 'output', text }),
  gap: ({ bytes }) => ({ kind: 'remark', text: leftOut(bytes, 'older than what is kept') }),
  end: () => ({ kind: 'over' }),
};

/** The output of a replica slot, over all of its further placements. */
export const REPLICA_LOG = sourceOf<ReplicaLogEvents>(REPLICA);
