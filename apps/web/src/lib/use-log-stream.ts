'use client';

import { type JobLogEvents, jobLogEvents } from '@quorate/shared/jobs';
import { useEffect, useState } from 'react';
import { EMPTY_LOG, type LogEvent, type LogText, withEvents } from './log-text';

/** Output is drawn in batches: a program that floods does not freeze the page. */
const DRAW_MS = 100;
const RETRY_MS = 2_000;
const NAMES = Object.keys(jobLogEvents) as (keyof JobLogEvents)[];

export type StreamState = 'connecting' | 'live' | 'broken' | 'over';

/**
 * Follows the output that `path` streams, from its beginning. The browser opens the stream again by itself and names the last
 * event that it has; where the server refuses that, the stream is begun anew.
 */
export function useLogStream(path: string): { log: LogText; state: StreamState } {
  const [log, setLog] = useState(EMPTY_LOG);
  const [state, setState] = useState<StreamState>('connecting');
  useEffect(() => {
    let waiting: LogEvent[] = [];
    let draw: ReturnType<typeof setTimeout> | undefined;
    let retry: ReturnType<typeof setTimeout> | undefined;
    let source: EventSource | undefined;
    const flush = () => {
      draw = undefined;
      const events = waiting;
      waiting = [];
      setLog((before) => withEvents(before, events));
    };
    function open() {
      setLog(EMPTY_LOG);
      waiting = [];
      const current = new EventSource(path);
      source = current;
      current.onopen = () => setState('live');
      current.onerror = () => {
        setState('broken');
        // Refused, not merely interrupted: the browser does not try again.
        if (current.readyState === EventSource.CLOSED) retry = setTimeout(open, RETRY_MS);
      };
      for (const name of NAMES) {
        current.addEventListener(name, (message) => {
          waiting.push({ name, data: JSON.parse(message.data as string) } as LogEvent);
          draw ??= setTimeout(flush, DRAW_MS);
          if (name !== 'end') return;
          current.close();
          setState('over');
        });
      }
    }
    open();
    return () => {
      clearTimeout(draw);
      clearTimeout(retry);
      source?.close();
    };
  }, [path]);
  return { log, state };
}
