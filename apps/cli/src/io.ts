/** The process as seen by the commands; `main.ts` is the only one who reads `process`. */
export interface Io {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly home: string;
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  /** Aborts on SIGINT and SIGTERM. */
  readonly signal: AbortSignal;
}

/** Whether a person can be asked: questions go to stderr, answers come from stdin. */
export const isInteractive = (io: Io): boolean => io.stdin.isTTY === true && io.stderr.isTTY === true;

/** NO_COLOR and TERM=dumb win over a terminal; nothing else turns colour on but FORCE_COLOR. */
export function wantsColor(io: Io, stream: NodeJS.WriteStream): boolean {
  if (io.env['NO_COLOR'] || io.env['TERM'] === 'dumb') return false;
  return stream.isTTY === true || Boolean(io.env['FORCE_COLOR'] && io.env['FORCE_COLOR'] !== '0');
}
