import type { Readable } from 'node:stream';
import type { Logger } from '../../lib/logger';

const MAX_LINE = 4096;
const KEPT_LINES = 20;

/** etcd's levels → ours. Its info is a diary of Raft, which only someone debugging wants. */
const LEVELS: Record<string, 'debug' | 'warn' | 'error' | 'fatal'> = {
  debug: 'debug',
  info: 'debug',
  warn: 'warn',
  error: 'error',
  fatal: 'fatal',
  panic: 'fatal',
  dpanic: 'fatal',
};

/**
 * Warnings that etcd repeats while a peer comes or goes, which the node itself reports once and in words; and one
 * about a token mode that is not used.
 */
const ROUTINE = [
  'TCP streaming connection with remote peer',
  'prober detected unhealthy status',
  'peer became inactive',
  'failed to reach the peer URL',
  'failed to get version',
  'simple token is not cryptographically signed',
];

export interface LogLines {
  /** The last lines, oldest first, for an error report. */
  last(): string[];
  /** True once etcd said that this member was removed from the cluster. */
  sawRemoval(): boolean;
}

/** Pipes etcd's JSON log into ours. Lines longer than 4096 characters are cut. */
export function pipeLogLines(stream: Readable, log: Logger): LogLines {
  const kept: string[] = [];
  let removed = false;
  let rest = '';
  let skipping = false;

  function onLine(line: string): void {
    if (line.trim() === '') return;
    const { level, text, fields } = parseLine(line);
    // etcd 3.4 to 3.6 write this just before a removed member exits, or when its peers refuse it.
    if (line.includes('permanently removed from the cluster')) removed = true;
    kept.push(text);
    if (kept.length > KEPT_LINES) kept.shift();
    const routine = ROUTINE.some((fragment) => text.includes(fragment));
    log[routine ? 'debug' : level]({ etcd: fields }, `etcd: ${text}`);
  }

  stream.setEncoding('utf8');
  stream.on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      if (!skipping) onLine(line.slice(0, MAX_LINE));
      skipping = false;
    }
    if (rest.length > MAX_LINE) {
      if (!skipping) onLine(rest.slice(0, MAX_LINE));
      skipping = true;
      rest = '';
    }
  });
  stream.on('end', () => {
    if (!skipping) onLine(rest);
  });
  return { last: () => [...kept], sawRemoval: () => removed };
}

function parseLine(line: string): { level: 'debug' | 'warn' | 'error' | 'fatal'; text: string; fields: unknown } {
  try {
    const { level, msg, ts: _ts, caller: _caller, ...fields } = JSON.parse(line) as Record<string, unknown>;
    const error = typeof fields['error'] === 'string' ? `: ${fields['error']}` : '';
    return { level: LEVELS[String(level)] ?? 'warn', text: `${String(msg)}${error}`, fields };
  } catch {
    return { level: 'warn', text: line, fields: undefined };
  }
}
