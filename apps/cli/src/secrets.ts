import { readFile } from 'node:fs/promises';
import { isCancel, password } from '@clack/prompts';
import { CliError } from './cli-error';
import { type Io, isInteractive } from './io';

const MAX_SECRET_BYTES = 64 * 1024;

/** All of stdin up to `maxBytes`. @throws CliError when it is longer */
export async function readStdin(io: Io, maxBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of io.stdin) {
    const bytes = Buffer.from(chunk as Buffer);
    size += bytes.length;
    if (size > maxBytes) throw new CliError('usage', `standard input is longer than ${maxBytes} bytes`);
    chunks.push(bytes);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** The content of `path`, or of stdin for `-`. @throws CliError naming the file and why */
export async function readInput(io: Io, path: string, maxBytes: number): Promise<string> {
  if (path === '-') return readStdin(io, maxBytes);
  const text = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw new CliError('usage', `cannot read ${path}: ${cause.code ?? cause.message}`);
  });
  if (Buffer.byteLength(text) > maxBytes) throw new CliError('usage', `${path} is longer than ${maxBytes} bytes`);
  return text;
}

export interface SecretSource {
  /** What it is, for messages: `password`. */
  readonly what: string;
  /** The option that names a file, such as `--password-file`. */
  readonly fileOption: string;
  readonly file: string | undefined;
  /** Given in argv: accepted with a warning, because every user of the host can read the process table. */
  readonly inline?: string | undefined;
  readonly inlineOption?: string;
  /** Ask twice, for a new secret. */
  readonly repeat?: boolean;
}

const withoutNewline = (text: string): string => text.replace(/\r?\n$/, '');

async function ask(io: Io, message: string): Promise<string> {
  const answer = await password({ message, input: io.stdin, output: io.stderr, signal: io.signal });
  if (isCancel(answer)) throw new CliError('error', 'cancelled; nothing was changed');
  return answer ?? '';
}

/**
 * A secret from a file, stdin (`-`), argv (with a warning) or a prompt, in this order.
 * @throws CliError when there is no way to get it, naming the option to use
 */
export async function readSecret(io: Io, warn: (line: string) => void, source: SecretSource): Promise<string> {
  const { what, fileOption } = source;
  if (source.file !== undefined && source.inline !== undefined) {
    throw new CliError('usage', `give the ${what} once: ${fileOption} or ${source.inlineOption ?? 'inline'}, not both`);
  }
  if (source.file !== undefined) {
    const secret = withoutNewline(await readInput(io, source.file, MAX_SECRET_BYTES));
    if (!secret) throw new CliError('usage', `${source.file === '-' ? 'standard input' : source.file} is empty`);
    return secret;
  }
  if (source.inline !== undefined) {
    warn(
      `${source.inlineOption ?? 'the option'} shows the ${what} in the process table and shell history; use ${fileOption}`,
    );
    return source.inline;
  }
  if (!isInteractive(io)) {
    throw new CliError('usage', `the ${what} is missing and there is no terminal to ask on`, {
      hint: `pass ${fileOption} FILE, or ${fileOption} - to read it from standard input`,
    });
  }
  const secret = await ask(io, `${what[0]?.toUpperCase()}${what.slice(1)}`);
  if (source.repeat && (await ask(io, `Repeat the ${what}`)) !== secret) {
    throw new CliError('usage', `the two entries of the ${what} differ`);
  }
  return secret;
}
