import type { JobLogEvents } from '@quorate/shared/jobs';

/** The newest so many characters of an output are shown; the whole of it is a download. */
export const SHOWN_CHARS = 400_000;

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
  /** Why it has no runner yet. */
  readonly waiting: string | null;
  readonly end: JobLogEvents['end'] | null;
  readonly nextKey: number;
}

export const EMPTY_LOG: LogText = { pieces: [], chars: 0, cut: false, waiting: null, end: null, nextKey: 0 };

export type LogEvent = { [Name in keyof JobLogEvents]: { name: Name; data: JobLogEvents[Name] } }[keyof JobLogEvents];

const add = (log: LogText, kind: LogPiece['kind'], text: string): LogText => ({
  ...log,
  pieces: [...log.pieces, { key: log.nextKey, kind, text }],
  chars: log.chars + text.length,
  nextKey: log.nextKey + 1,
});

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

function one(log: LogText, event: LogEvent): LogText {
  switch (event.name) {
    case 'waiting':
      return { ...log, waiting: event.data.waiting_for ?? 'for a runner to take it' };
    case 'attempt': {
      const { attempt, runner } = event.data;
      return { ...add(log, 'remark', `attempt ${attempt} on ${runner}`), waiting: null, end: null };
    }
    case 'output':
      return { ...add(log, 'output', event.data.text), waiting: null };
    case 'gap': {
      const { bytes, reason } = event.data;
      return add(log, 'remark', `${bytes === null ? 'some output' : `${bytes} bytes`} left out: ${reason}`);
    }
    case 'end':
      return { ...log, waiting: null, end: event.data };
  }
}

/** What is shown after these events. Neighbouring output becomes one piece, so that a chatty program draws few. */
export function withEvents(log: LogText, events: readonly LogEvent[]): LogText {
  const merged: LogEvent[] = [];
  for (const event of events) {
    const last = merged.at(-1);
    if (event.name === 'output' && last?.name === 'output' && last.data.attempt === event.data.attempt) {
      merged[merged.length - 1] = { name: 'output', data: { ...last.data, text: last.data.text + event.data.text } };
    } else merged.push(event);
  }
  return bounded(merged.reduce(one, log));
}

export const textOf = ({ pieces }: LogText): string =>
  pieces
    .filter(({ kind }) => kind === 'output')
    .map(({ text }) => text)
    .join('');
