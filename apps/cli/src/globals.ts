import { uuid } from '@quorate/shared/names';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { parseDuration } from './duration';
import { FORMATS, type Format } from './output';

/** Options every command takes, before or after its name. */
export interface Globals {
  context?: string;
  socket?: string;
  server?: string;
  ca?: string;
  insecureSkipVerify?: boolean;
  tokenFile?: string;
  token?: string;
  output: Format;
  yes?: boolean;
  /** Milliseconds. */
  timeout: number;
  linearizable?: boolean;
  idempotencyKey?: string;
}

/** An option parser for durations between two bounds, in milliseconds; the bounds are given as text for the message. */
export const durationBetween =
  (least: string, most: string) =>
  (text: string): number => {
    const ms = usage(() => parseDuration(text));
    if (ms < parseDuration(least) || ms > parseDuration(most)) {
      throw new InvalidArgumentError(`It must be between ${least} and ${most}.`);
    }
    return ms;
  };

/** An option parser for whole numbers between two bounds. */
export const integerBetween =
  (least: number, most: number) =>
  (text: string): number => {
    const value = Number(text);
    if (!/^-?\d+$/.test(text) || value < least || value > most) {
      throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`);
    }
    return value;
  };

/** An argument parser for the ids that lists show. */
export const uuidArgument = (text: string): string => {
  if (uuid.safeParse(text).success) return text;
  throw new InvalidArgumentError(
    'It must be an id such as 0190b0f3-7c1e-7d52-b0aa-1f2e3d4c5b6a, as the list shows it.',
  );
};

/** An option parser that gathers every use of the option. */
export const collect = (value: string, previous: string[] | undefined): string[] => [...(previous ?? []), value];

/** The same for KEY=VALUE. */
export const collectPair = (value: string, previous: string[] | undefined): string[] => {
  if (value.indexOf('=') < 1) throw new InvalidArgumentError('It must be KEY=VALUE.');
  return collect(value, previous);
};

/** What {@link collectPair} gathered. */
export const pairsOf = (values: readonly string[] = []): Record<string, string> =>
  Object.fromEntries(values.map((value) => [value.slice(0, value.indexOf('=')), value.slice(value.indexOf('=') + 1)]));

function usage<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw new InvalidArgumentError(`${(error as Error).message}.`);
  }
}

export function addGlobalOptions(program: Command): void {
  program
    .addOption(new Option('--context <name>', 'context to use instead of the current one').conflicts('socket'))
    .addOption(new Option('--socket <file>', "a node's agent socket instead of a context").conflicts('server'))
    .option(
      '--server <url>',
      'address of a node or load balancer instead of a context; several with commas, the first that answers is used',
    )
    .option('--ca <file>', 'PEM file with the authority that signs the server’s certificate')
    .option('--insecure-skip-verify', 'do not verify the server’s certificate (never for real use)')
    .option('--token-file <file>', 'API token to use instead of the stored session; - reads standard input')
    .addOption(new Option('--token <secret>', 'API token in argv; visible to others').hideHelp().conflicts('tokenFile'))
    .addOption(
      new Option('-o, --output <format>', 'how to print: for people, or for programs')
        .choices(FORMATS)
        .default('table'),
    )
    .option('-y, --yes', 'do not ask before destructive changes')
    .addOption(
      new Option('--timeout <duration>', 'how long to wait for an answer')
        .argParser(durationBetween('100ms', '1h'))
        .default(30_000, '30s'),
    )
    .option('--linearizable', 'read through the quorum, not only from the node that answers')
    .option('--idempotency-key <key>', 'repeat an earlier write under its key without doing it twice');
}
