import { Writable } from 'node:stream';

/** The last lines of the log, in memory: what a support bundle shows of a node whose journal nobody can reach. */
export interface LogRing {
  readonly stream: Writable;
  /** JSON lines, oldest first. */
  lines(): readonly string[];
}

const MAX_LINES = 2_000;
const MAX_BYTES = 1024 * 1024;

export function createLogRing(): LogRing {
  const lines: string[] = [];
  let bytes = 0;
  const add = (line: string): void => {
    lines.push(line);
    bytes += line.length;
    while (lines.length > MAX_LINES || bytes > MAX_BYTES) bytes -= lines.shift()?.length ?? 0;
  };
  const stream = new Writable({
    decodeStrings: false,
    write(chunk: string | Buffer, _encoding, done) {
      add(String(chunk).trimEnd());
      done();
    },
  });
  return { stream, lines: () => lines };
}
