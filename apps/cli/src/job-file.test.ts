import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { RequestListener } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { CommanderError } from 'commander';
import { afterAll, afterEach, beforeEach, expect, it } from 'vitest';
import { EXIT, type Exit } from './exit-codes';
import type { Io } from './io';
import { colorsFor } from './output';
import { buildProgram } from './program';
import { reportOf, reportText } from './report';
import { answer, listen, problem, type Stub } from './testing/server';

// The client against a server that takes what it is sent, or not.

const folder = mkdtempSync(join(tmpdir(), 'quorate-jobs-'));
let server: Stub;
/** What was sent: the commands of the jobs, and the key. */
let taken: { commands: string[]; key: unknown }[];
/** What a request gets instead of ids, by its number. */
let refusals: Map<number, RequestListener>;

afterAll(() => rmSync(folder, { recursive: true, force: true }));
beforeEach(async () => {
  taken = [];
  refusals = new Map();
  server = await listen(async (request, response) => {
    const { jobs } = JSON.parse(await text(request)) as { jobs: { spec: { command: string } }[] };
    const commands = jobs.map(({ spec }) => spec.command);
    taken.push({ commands, key: request.headers['idempotency-key'] });
    const ids = commands.map((command) => `id of ${command}`);
    (refusals.get(taken.length) ?? answer({ ids }, 202))(request, response);
  });
});
afterEach(() => server.close());

const numbered = (count: number, more: object = {}) =>
  Array.from({ length: count }, (_, n) => ({ spec: { kind: 'exec', command: `job-${n}`, ...more } }));
const idsOf = (from: number, to: number): string[] =>
  numbered(to)
    .slice(from)
    .map(({ spec }) => `id of ${spec.command}`);

/** Runs the client in this process, with an environment of its own. */
async function run(...args: string[]): Promise<{ status: number; stdout: string; stderr: string }> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const { signal } = new AbortController();
  const io = { env: {}, cwd: folder, home: folder, stdin: process.stdin, stdout, stderr, signal } as unknown as Io;
  let exit: Exit | number = 'ok';
  try {
    await buildProgram(io, (of) => {
      exit = of;
    }).parseAsync(['node', 'quorate', 'job', 'submit', '--server', server.url, ...args]);
  } catch (error) {
    const report = reportOf(error);
    exit = error instanceof CommanderError ? 'usage' : report.exit;
    if (!(error instanceof CommanderError)) stderr.write(reportText(report, colorsFor(false)));
  }
  const written = Promise.all([text(stdout), text(stderr)]);
  stdout.end();
  stderr.end();
  const [out, chatter] = await written;
  return { status: typeof exit === 'number' ? exit : EXIT[exit], stdout: out, stderr: chatter };
}

function submit(jobs: unknown, ...more: string[]) {
  writeFileSync(join(folder, 'jobs.json'), typeof jobs === 'string' ? jobs : JSON.stringify(jobs));
  return run('--file', 'jobs.json', ...more);
}

it('sends as many as go into a request, in their order, each request under a key of its own', async () => {
  const { status, stdout, stderr } = await submit(numbered(450), '-o', 'json', '--idempotency-key', 'k');
  expect(status, stderr).toBe(0);
  expect(JSON.parse(stdout)).toEqual({ ids: idsOf(0, 450) });
  expect(taken.map(({ commands, key }) => [commands.length, key])).toEqual([
    [200, 'k.0'],
    [200, 'k.200'],
    [50, 'k.400'],
  ]);
  taken = [];
  expect((await submit(numbered(20, { stdin: 'x'.repeat(60_000) }))).stdout).toBe('20 jobs submitted\n');
  expect(taken.map(({ commands }) => commands.length)).toEqual([8, 8, 4]);
});

it('says where it stopped, and goes on from there', async () => {
  refusals.set(2, problem(503, 'overloaded', { retry_after: 30 }));
  const { status, stdout, stderr } = await submit(numbered(450), '-o', 'json');
  expect({ status, ids: JSON.parse(stdout).ids }).toEqual({ status: 6, ids: idsOf(0, 200) });
  expect(stderr).toBe(
    'error: the first 200 of 450 jobs were submitted, the others not: because overloaded\n' +
      'hint: try again in 30s; then go on with: --skip 200\n',
  );
  const rest = await submit(numbered(450), '-o', 'json', '--skip', '200');
  expect(JSON.parse(rest.stdout).ids).toEqual(idsOf(200, 450));
});

it('names the key under which it can be repeated when an outcome is not known', async () => {
  refusals.set(2, problem(504, 'outcome_unknown'));
  const first = await submit(numbered(300));
  expect(first).toMatchObject({ status: 7, stdout: '200 jobs submitted\n' });
  expect(first.stderr).toContain('whether the next 100 were is not known');
  const key = /--idempotency-key ([\w-]+);/.exec(first.stderr)?.[1] ?? '';
  const again = await submit(numbered(300), '--idempotency-key', key);
  expect(again.stdout).toBe('300 jobs submitted\n');
  expect(taken.slice(2)).toEqual(taken.slice(0, 2));
});

it('names a field by its place in the file when the server refuses it', async () => {
  const errors = [{ pointer: '/jobs/3/spec/command', detail: 'not that' }];
  refusals.set(2, problem(422, 'validation_failed', { errors }));
  expect((await submit(numbered(300))).stderr).toContain('  203.spec.command: not that\n');
});

it('sends nothing when the file or the command line is wrong', async () => {
  const cases: [unknown, string[], string][] = [
    [numbered(3), ['--', 'true'], 'give --file or a program, not both'],
    [numbered(3), ['--env', 'A=1'], "'--file <file>' cannot be used with option '--env <key=value>'"],
    [numbered(3), ['--follow'], "'--file <file>' cannot be used with option '-f, --follow'"],
    [numbered(3), ['--skip', '3'], 'jobs.json has 3 jobs'],
    [[...numbered(250), { spec: { kind: 'exec', command: '' } }], [], 'jobs.json: 250.spec.command:'],
    [numbered(1, { evn: {} }), [], 'jobs.json: 0.spec.evn is no field of a job'],
    ['- {', [], 'jobs.json is neither YAML nor JSON'],
    [[], [], 'there is no job'],
  ];
  for (const [jobs, args, message] of cases) {
    const outcome = await submit(jobs, ...args);
    expect(outcome.status, outcome.stderr).toBe(2);
    expect(outcome.stderr).toContain(message);
  }
  const skipping = await run('--skip', '1', '--', 'true');
  expect(skipping).toMatchObject({ status: 2, stderr: expect.stringContaining('--skip needs --file') });
  expect(taken).toEqual([]);
});
