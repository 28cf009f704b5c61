import { homedir } from 'node:os';
import { CommanderError } from 'commander';
import { EXIT } from './exit-codes';
import { type Io, wantsColor } from './io';
import { colorsFor } from './output';
import { buildProgram } from './program';
import { reportOf, reportText } from './report';

const SIGNAL_STATUS = { SIGINT: 130, SIGTERM: 143 } as const;

async function main(): Promise<number> {
  const stop = new AbortController();
  let stoppedBy: keyof typeof SIGNAL_STATUS | undefined;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      stoppedBy = signal;
      stop.abort();
    });
  }
  // `quorate event | head` closes our stdout: that is the reader's way to say enough.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : EXIT.error));

  // A pseudo-terminal without a size (expect, some containers) would wrap every character of a question.
  if (process.stderr.isTTY && !process.stderr.columns) process.stderr.columns = 80;

  const io: Io = {
    env: process.env,
    cwd: process.cwd(),
    home: homedir(),
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    signal: stop.signal,
  };
  let status: number = EXIT.ok;
  try {
    const program = buildProgram(io, (exit) => {
      status = typeof exit === 'number' ? exit : EXIT[exit];
    });
    await program.parseAsync(process.argv);
    return status;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    if (stoppedBy) return SIGNAL_STATUS[stoppedBy];
    const report = reportOf(error);
    process.stderr.write(reportText(report, colorsFor(wantsColor(io, process.stderr))));
    return EXIT[report.exit];
  }
}

process.exitCode = await main();
process.stdin.unref?.();
