'use client';

import { useEffect, useState } from 'react';
import { EMPTY_LOG, type LogEntry, type LogSource, type LogText, withEntries } from './log-text';

/** Output is drawn in batches: a program that floods does not freeze the page. */
const DRAW_MS = 100;
const RETRY_MS = 2_000;

export type StreamState = 'connecting' | 'live' | 'broken' | 'over';

/**
 * Follows the output that `path` streams, from its beginning. The browser opens the stream again by itself and names the last
 * event that it has; where the server refuses that, the stream is begun anew.
 */
export function useLogStream(path: string, source: LogSource): { log: LogText; state: StreamState } {
  const [log, setLog] = useState(EMPTY_LOG);
  const [state, setState] = useState<StreamState>('connecting');
  useEffect(() => {
    let waiting: LogEntry[] = [];
    let draw: ReturnType<typeof setTimeout> | undefined;
    let retry: ReturnType<typeof setTimeout> | undefined;
    let stream: EventSource | undefined;
    const flush = () => {
      draw = undefined;
      const entries = waiting;
      waiting = [];
      setLog((before) => withEntries(before, entries));
    };
    function open() {
      setLog(EMPTY_LOG);
      waiting = [];
      const current = new EventSource(path);
      stream = current;
      current.onopen = () => setState('live');
      current.onerror = () => {
        setState('broken');
        // Refused, not merely interrupted: the browser does not try again.
        if (current.readyState === EventSource.CLOSED) retry = setTimeout(open, RETRY_MS);
      };
      for (const name of source.names) {
        current.addEventListener(name, (message) => {
          const entry = source.read(name, JSON.parse(message.data as string));
          waiting.push(entry);
          draw ??= setTimeout(flush, DRAW_MS);
          if (entry.kind !== 'over') return;
          current.close();
          setState('over');
        });
      }
    }
    open();
    return () => {
      clearTimeout(draw);
      clearTimeout(retry);
      stream?.close();
    };
  }, [path, source]);
  return { log, state };
}
