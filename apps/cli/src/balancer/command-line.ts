import { spawn } from 'node:child_process';
import { CliError } from '../cli-error';

/**
 * Splits a command into its words: white space separates, '…' and "…" group, a backslash takes the next character as it is.
 * There is no shell, so nothing else has a meaning.
 * @throws CliError for an open quote, nothing, and signs that only a shell understands
 */
export function splitCommand(text: string, option: string): string[] {
  const refuse = (why: string): never => {
    throw new CliError('usage', `${option}: ${why}`, {
      hint: 'it runs without a shell; put more into a script and name that',
    });
  };
  const words: string[] = [];
  let word: string | undefined;
  let quote = '';
  for (let at = 0; at < text.length; at++) {
    const char = text.charAt(at);
    if (quote !== "'" && char === '\\') {
      at += 1;
      if (at === text.length) refuse('ends with a backslash');
      word = (word ?? '') + text.charAt(at);
    } else if (quote !== '') {
      if (char === quote) quote = '';
      else word = (word ?? '') + char;
    } else if (char === "'" || char === '"') {
      quote = char;
      word ??= '';
    } else if (/\s/.test(char)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else if (/[|&;<>$`]/.test(char)) {
      refuse(`'${char}' means nothing here; quote it if it is meant as it stands`);
    } else {
      word = (word ?? '') + char;
    }
  }
  if (quote !== '') refuse(`a ${quote} is not closed`);
  if (word !== undefined) words.push(word);
  if (words.length === 0) refuse('names no command');
  return words;
}

/** After a command has ended: for the rest of what it said. */
const DRAIN_MS = 500;
const MAX_OUTPUT_CHARS = 8_192;

export interface CommandResult {
  readonly ok: boolean;
  /** Why it failed, in a line; empty when it did not. */
  readonly why: string;
  /** Both streams, the last 8 KiB. */
  readonly output: string;
}

/** Runs a command without a shell. One that takes longer than `timeoutMs` is killed with all its children. */
export function runCommand(words: readonly string[], timeoutMs: number): Promise<CommandResult> {
  const [program = '', ...args] = words;
  return new Promise((resolve) => {
    // A group of its own, so that what it started ends with it.
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    let output = '';
    let timedOut = false;
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (chunk: string) => {
        output = (output + chunk).slice(-MAX_OUTPUT_CHARS);
      });
    }
    const timer = setTimeout(() => {
      timedOut = true;
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    }, timeoutMs);
    const finish = (why: string): void => {
      clearTimeout(timer);
      resolve({ ok: why === '', why, output });
    };
    child.once('error', (error: NodeJS.ErrnoException) =>
      finish(error.code === 'ENOENT' ? `there is no program ${program}` : `${program}: ${error.message}`),
    );
    // `close` may never come: a daemon that it leaves behind can keep the streams open.
    child.once('exit', (status, signal) => {
      clearTimeout(timer);
      const failed = status === 0 ? '' : `${program} ended with ${signal ?? `status ${status}`}`;
      const why = timedOut ? `${program} took longer than ${timeoutMs / 1000}s` : failed;
      const drained = setTimeout(() => finish(why), DRAIN_MS);
      child.once('close', () => {
        clearTimeout(drained);
        finish(why);
      });
    });
  });
}
