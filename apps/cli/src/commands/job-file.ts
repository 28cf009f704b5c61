import { randomUUID } from 'node:crypto';
import { ApiError } from '@quorate/shared/client';
import { HEADER } from '@quorate/shared/http-headers';
import { jobRoutes, MAX_JOBS_AT_ONCE, MAX_OPEN_JOBS } from '@quorate/shared/jobs';
import type { SchemaOutput } from '@quorate/shared/route';
import { unknownFields } from '@quorate/shared/unknown-fields';
import { type Command, Option } from 'commander';
import { CliError } from '../cli-error';
import { checkedBy, nameOf, readDocument } from '../document';
import { integerBetween } from '../globals';
import type { Invocation } from '../invocation';
import { counted } from '../output';
import { type Report, reportOf } from '../report';

type Job = SchemaOutput<typeof jobRoutes.create.body>;

/** What one request says has to fit into one entry of the log, with an id for each job. */
const MAX_REQUEST_BYTES = 500 * 1024;
const ID_BYTES = 100;

export interface FileOptions {
  file?: string;
  skip?: number;
}

/** For a command that has all its other options: they say what one job does. */
export function addFileOptions(command: Command): Command {
  const others = command.options.map((option) => option.attributeName());
  const text = 'submit a list of jobs instead, of YAML or JSON, as the API takes them; - reads standard input';
  return command
    .addOption(new Option('--file <file>', text).conflicts(others))
    .option('--skip <count>', 'leave out the first jobs of the file', integerBetween(0, MAX_OPEN_JOBS));
}

/**
 * Submits the jobs of a file, those of each request all or none. The key of a request is made of the command's and of its
 * place in the file: so the same command under the same key submits nothing twice.
 */
export async function submitFile(
  inv: Invocation,
  command: string | undefined,
  { file, skip = 0 }: FileOptions,
): Promise<void> {
  if (file === undefined) throw new CliError('usage', '--skip needs --file');
  if (command !== undefined) throw new CliError('usage', 'give --file or a program, not both');
  const jobs = await readJobs(inv, file);
  if (skip >= jobs.length) throw new CliError('usage', `${nameOf(file)} has ${counted(jobs.length, 'job')}`);
  const key = inv.globals.idempotencyKey ?? randomUUID();
  const ids: string[] = [];
  const show = (): void =>
    inv.print({ data: { ids }, names: ids, text: () => `${counted(ids.length, 'job')} submitted` });
  for (const { from, to } of requestsOf(jobs, skip)) {
    const headers = { [HEADER.idempotencyKey]: `${key}.${from}` };
    try {
      const body = { jobs: jobs.slice(from, to) };
      ids.push(...(await inv.call(jobRoutes.createBatch, { body, headers })).ids);
    } catch (error) {
      if (ids.length > 0) show();
      const ownKey = inv.globals.idempotencyKey !== undefined;
      const stop = stoppedAt(error, { from, to, of: jobs.length, key, ownKey });
      if (inv.io.signal.aborted) inv.note(`${stop.message}\nhint: ${stop.hint}`);
      throw stop;
    }
  }
  show();
}

async function readJobs(inv: Invocation, file: string): Promise<Job[]> {
  const given = await readDocument(inv.io, file);
  const jobs = checkedBy(jobRoutes.create.body.array().min(1, 'there is no job'), given, nameOf(file));
  const [unknown] = unknownFields(given, jobs);
  if (unknown === undefined) return jobs;
  throw new CliError('usage', `${nameOf(file)}: ${unknown.slice(1).replaceAll('/', '.')} is no field of a job`);
}

/** The parts of the list that go into one request each. */
function* requestsOf(jobs: readonly Job[], skip: number): Generator<{ from: number; to: number }> {
  let from = skip;
  let bytes = 0;
  for (let to = from; to < jobs.length; to += 1) {
    const more = Buffer.byteLength(JSON.stringify(jobs[to])) + ID_BYTES;
    if (to > from && (to - from === MAX_JOBS_AT_ONCE || bytes + more > MAX_REQUEST_BYTES)) {
      yield { from, to };
      from = to;
      bytes = 0;
    }
    bytes += more;
  }
  yield { from, to: jobs.length };
}

interface Stop {
  readonly from: number;
  readonly to: number;
  readonly of: number;
  readonly key: string;
  /** The caller gave it. */
  readonly ownKey: boolean;
}

/** Says what was submitted, and how to go on. */
function stoppedAt(error: unknown, stop: Stop): CliError {
  const refused = error instanceof ApiError && error.code !== 'outcome_unknown' && error.code !== 'unexpected_answer';
  if (refused) return refusedAt(reportOf(error), stop);
  const { exit, message } = reportOf(error);
  const { from, to, of, key } = stop;
  const before = from === 0 ? '' : `the first ${from} of ${of} jobs were submitted; `;
  return new CliError(exit, `${before}whether the next ${to - from} were is not known: ${message}`, {
    hint: `repeat the same command with: --idempotency-key ${key}; what was submitted is not submitted again`,
  });
}

function refusedAt({ exit, message, fields, hint }: Report, { from, of, ownKey }: Stop): CliError {
  // The server names a field by its place in the request.
  const inFile = fields.map(({ field, detail }) => ({
    field: field.replace(/^jobs\.(\d+)/, (_, place) => `${from + Number(place)}`),
    detail,
  }));
  // What was refused under a key stays refused under it.
  const goOn = from === 0 ? [] : [`go on with: --skip ${from}${ownKey ? ' and another --idempotency-key' : ''}`];
  const hints = [...(hint === undefined ? [] : [hint]), ...goOn].join('; then ');
  const before = from === 0 ? 'no job was submitted' : `the first ${from} of ${of} jobs were submitted, the others not`;
  return new CliError(exit, `${before}: ${message}`, { fields: inFile, ...(hints ? { hint: hints } : {}) });
}
