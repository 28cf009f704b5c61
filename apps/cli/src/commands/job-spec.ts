import { text } from 'node:stream/consumers';
import type { jobRoutes } from '@quorate/shared/jobs';
import type { SchemaInput } from '@quorate/shared/route';
import type { Command } from 'commander';
import { CliError } from '../cli-error';
import { collectPair, durationBetween, integerBetween, pairsOf } from '../globals';
import type { Invocation } from '../invocation';

type Submission = SchemaInput<typeof jobRoutes.create.body>;

/** What a job does, as options say it. */
export interface SpecOptions {
  env?: string[];
  label?: string[];
  stdin?: boolean;
  /** Milliseconds. */
  limit?: number;
  priority?: number;
  attempts?: number;
  /** Milliseconds. */
  backoff?: number;
  backup?: string;
  note?: string;
  restartServices?: string[] | true;
}

export const addSpecOptions = (command: Command): Command =>
  command
    .argument('[command]', 'a program of the runner, after --: no shell reads it')
    .argument('[args...]', 'its arguments')
    .option('--env <key=value>', 'a variable; the environment holds nothing else but PATH; repeatable', collectPair)
    .option('--label <key=value>', 'a label that its runner must have; repeatable', collectPair)
    .option('--stdin', 'its standard input is that of this command, up to 64 KiB')
    .option('--limit <duration>', 'how long it may run (default: 10m)', durationBetween('1s', '24h'))
    .option('--priority <number>', 'higher first', integerBetween(-100, 100))
    .option('--attempts <count>', 'how often it is tried (default: 1)', integerBetween(1, 20))
    .option('--backoff <duration>', 'before the second attempt; doubles each time', durationBetween('0s', '1h'))
    .option('--backup <target>', 'make a backup instead: to local, or the id of a target')
    .option('--note <text>', 'a note on that backup')
    .option('--restart-services [names...]', 'restart services instead, rolling: these, or all');

const seconds = (ms: number): number => Math.round(ms / 1000);

/** @throws CliError when it is not clear what to do */
async function specOf(inv: Invocation, command: string | undefined, args: string[], options: SpecOptions) {
  const { backup, note, restartServices, env, label, stdin, limit } = options;
  if (backup !== undefined) {
    if (command !== undefined) throw new CliError('usage', 'give a program or --backup, not both');
    return { kind: 'backup' as const, target: backup, ...(note === undefined ? {} : { note }) };
  }
  if (restartServices !== undefined) {
    if (command !== undefined) throw new CliError('usage', 'give a program or --restart-services, not both');
    return { kind: 'service.restart' as const, services: restartServices === true ? [] : restartServices };
  }
  if (command === undefined) throw new CliError('usage', 'say what to run: … -- PROGRAM ARGUMENTS');
  return {
    ...{ kind: 'exec' as const, command, args, env: pairsOf(env), labels: pairsOf(label) },
    ...(stdin ? { stdin: await text(inv.io.stdin) } : {}),
    ...(limit === undefined ? {} : { timeout_seconds: seconds(limit) }),
  };
}

/** The body of a submission. @throws CliError */
export async function submissionOf(
  inv: Invocation,
  command: string | undefined,
  args: string[],
  options: SpecOptions,
): Promise<Submission> {
  const { priority, attempts, backoff } = options;
  return {
    spec: await specOf(inv, command, args, options),
    ...(priority === undefined ? {} : { priority }),
    retry: {
      ...(attempts === undefined ? {} : { max_attempts: attempts }),
      ...(backoff === undefined ? {} : { backoff_seconds: seconds(backoff) }),
    },
  };
}
