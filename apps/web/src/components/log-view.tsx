'use client';

import { ArrowDownToLine, CircleCheck, LoaderCircle, Unplug } from 'lucide-react';
import { useEffect, useRef, useState } from 'react';
import { formatInt } from '@/lib/format';
import { type LogSource, type LogText, SHOWN_CHARS, textOf } from '@/lib/log-text';
import { type StreamState, useLogStream } from '@/lib/use-log-stream';
import { CopyButton } from './copy-button';
import { Badge } from './ui/badge';
import { Button, buttonClass } from './ui/button';
import { Panel } from './ui/panel';

interface LogPanelProps {
  title: string;
  source: LogSource;
  /** Streams it as events. */
  follow: string;
  /** The same as plain text. */
  download: string;
  /** The name of the file. */
  file: string;
}

/** Output as it comes, newest at the bottom. */
export function LogPanel({ title, source, follow, download, file }: LogPanelProps) {
  const { log, state } = useLogStream(follow, source);
  return (
    <Panel
      title={title}
      flush
      actions={
        <>
          <StateBadge state={state} />
          <a href={download} download={file} className={buttonClass('ghost', 'sm')}>
            Download
          </a>
          {log.chars > 0 ? <CopyButton text={textOf(log)} what="output" /> : null}
        </>
      }
    >
      <LogLines log={log} state={state} label={title} />
    </Panel>
  );
}

function StateBadge({ state }: { state: StreamState }) {
  if (state === 'over') {
    return (
      <Badge icon={CircleCheck}>
        <span role="status">Complete</span>
      </Badge>
    );
  }
  return state === 'broken' ? (
    <Badge tone="warn" icon={Unplug}>
      <span role="status">Interrupted, trying again</span>
    </Badge>
  ) : (
    <Badge tone="ok" icon={LoaderCircle}>
      <span role="status">{state === 'live' ? 'Live' : 'Connecting'}</span>
    </Badge>
  );
}

/** Nearer to the end than this counts as reading the end. */
const END_PX = 24;

function LogLines({ log, state, label }: { log: LogText; state: StreamState; label: string }) {
  const box = useRef<HTMLElement>(null);
  const [following, setFollowing] = useState(true);
  // biome-ignore lint/correctness/useExhaustiveDependencies: scrolls whenever something was added.
  useEffect(() => {
    if (following && box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [log, following]);
  return (
    <div className="relative">
      <section
        ref={box}
        aria-label={label}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard
        tabIndex={0}
        onScroll={({ currentTarget: { scrollTop, scrollHeight, clientHeight } }) =>
          setFollowing(scrollHeight - scrollTop - clientHeight < END_PX)
        }
        className="max-h-[60vh] min-h-24 overflow-auto bg-sunken px-3.5 py-3 -outline-offset-2"
      >
        {log.cut ? (
          <Remark>
            Only the newest {formatInt(SHOWN_CHARS)} characters are shown; download it to see all that is kept
          </Remark>
        ) : null}
        {log.pieces.map(({ key, kind, text }) =>
          kind === 'remark' ? (
            <Remark key={key}>{text}</Remark>
          ) : (
            <pre key={key} className="inline whitespace-pre-wrap break-all font-mono text-ink text-xs leading-5">
              {text}
            </pre>
          ),
        )}
        {log.chars === 0 && !log.waiting ? (
          <p className="text-ink-2">{state === 'over' ? 'It wrote nothing.' : 'It has written nothing yet.'}</p>
        ) : null}
        {log.waiting ? <p className="text-ink-2">It waits: {log.waiting}.</p> : null}
      </section>
      {following ? null : (
        <Button
          size="sm"
          className="absolute right-4 bottom-3 shadow-pop"
          onClick={() => {
            setFollowing(true);
          }}
        >
          <ArrowDownToLine aria-hidden />
          To the end
        </Button>
      )}
    </div>
  );
}

const Remark = ({ children }: { children: React.ReactNode }) => (
  <p className="my-1 border-l-2 pl-2 text-ink-3 text-xs first:mt-0">{children}</p>
);
