import { connect } from 'node:net';
import type { ServiceSpec } from '@quorate/shared/services';
import { Agent, request } from 'undici';
import { delay } from '../../../lib/async';
import { checkMark } from '../processes';
import type { SpawnedEnd, Spawner } from '../spawner';
import type { Gate } from './gate';

type Health = ServiceSpec['health'];
type Probed = Exclude<Health, { type: 'none' }>;

/** A program without a check counts as healthy once it has run for so long. */
const SETTLED_MS = 500;
/** The first looks at one that starts come in quick succession, so that a quick program is healthy quickly. */
const FIRST_LOOK_MS = 100;
const HOST = '127.0.0.1';
const SHOWN_BYTES = 500;

export interface HealthOptions {
  readonly health: Health;
  readonly ports: Readonly<Record<string, number>>;
  /** For a check that is a program. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly spawner: Spawner;
  /** Of the replica's program: a check that is left behind ends with it. */
  readonly instance: string;
  /** It was healthy before this process began to watch it. */
  readonly wasHealthy: boolean;
  /** Bounds how many checks of all replicas run at once. */
  readonly gate: Gate;
  readonly onHealthy: () => void;
}

/**
 * Watches a replica until `signal`: one check after the other, never two at once.
 * @returns why it has failed: not healthy in time, or so many failures in a row; undefined when the signal came first
 */
export async function watchHealth(options: HealthOptions, signal: AbortSignal): Promise<string | undefined> {
  const { health, wasHealthy, onHealthy } = options;
  if (health.type === 'none') {
    if (!wasHealthy) await delay(SETTLED_MS, signal);
    if (signal.aborted) return undefined;
    onHealthy();
    await forever(signal);
    return undefined;
  }
  const intervalMs = health.interval_seconds * 1000;
  if (!wasHealthy) {
    const why = await becomeHealthy(options, health, signal);
    if (why !== undefined || signal.aborted) return why;
    onHealthy();
  }
  // Many replicas that began together are not looked at together for ever.
  await delay(intervalMs * Math.random(), signal);
  for (let failures = 0; !signal.aborted; ) {
    const why = await check(options, health, health.timeout_seconds * 1000, signal);
    if (signal.aborted) return undefined;
    failures = why === undefined ? 0 : failures + 1;
    if (failures >= health.unhealthy_after) return `not healthy any more: ${why}`;
    await delay(intervalMs, signal);
  }
  return undefined;
}

async function becomeHealthy(options: HealthOptions, health: Probed, signal: AbortSignal): Promise<string | undefined> {
  const deadline = performance.now() + health.start_seconds * 1000;
  let pauseMs = FIRST_LOOK_MS;
  let successes = 0;
  let last = 'it was not looked at';
  while (!signal.aborted) {
    await delay(pauseMs, signal);
    pauseMs = Math.min(health.interval_seconds * 1000, successes > 0 ? pauseMs : pauseMs * 1.5);
    const leftMs = deadline - performance.now();
    if (leftMs <= 0) return `not healthy within ${health.start_seconds} s: ${last}`;
    const why = await check(options, health, Math.min(leftMs, health.timeout_seconds * 1000), signal);
    successes = why === undefined ? successes + 1 : 0;
    last = why ?? last;
    if (successes >= health.healthy_after) return undefined;
  }
  return undefined;
}

/** One check. @returns why it failed; undefined = well */
async function check(
  options: HealthOptions,
  health: Probed,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<string | undefined> {
  const leave = await options.gate.enter(signal);
  const cut = new AbortController();
  const timer = setTimeout(() => cut.abort(), timeoutMs);
  try {
    return await checkOnce(options, health, AbortSignal.any([signal, cut.signal]));
  } catch (error) {
    return cut.signal.aborted ? `no answer within ${Math.round(timeoutMs) / 1000} s` : causeOf(error);
  } finally {
    clearTimeout(timer);
    leave();
  }
}

function checkOnce(options: HealthOptions, health: Probed, signal: AbortSignal): Promise<string | undefined> {
  if (health.type === 'exec') return checkByProgram(options, health, signal);
  const port = options.ports[health.port] ?? 0;
  return health.type === 'tcp' ? checkByConnection(port, signal) : checkByRequest(port, health.path, signal);
}

function checkByConnection(port: number, signal: AbortSignal): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: HOST, port, signal });
    socket.once('connect', () => {
      socket.destroy();
      resolve(undefined);
    });
    socket.once('error', reject);
  });
}

/** A connection for each check: one that is kept would tell less. */
const agent = new Agent({ pipelining: 0, maxResponseSize: -1, keepAliveTimeout: 1 });

async function checkByRequest(port: number, path: string, signal: AbortSignal): Promise<string | undefined> {
  const options = { dispatcher: agent, signal, reset: true, headers: { 'user-agent': 'quorate-health' } };
  const { statusCode, body } = await request(`http://${HOST}:${port}${path}`, options);
  // Its head says it all; a body may never end.
  body.on('error', () => undefined).destroy();
  return statusCode >= 200 && statusCode < 400 ? undefined : `the answer was ${statusCode}`;
}

async function checkByProgram(
  { env, cwd, spawner, instance }: HealthOptions,
  { command, args }: Extract<Health, { type: 'exec' }>,
  signal: AbortSignal,
): Promise<string | undefined> {
  let output = '';
  const onOutput = (chunk: Buffer): void => {
    output = (output + chunk.toString('utf8')).slice(-SHOWN_BYTES);
  };
  const run = async (): Promise<SpawnedEnd> => {
    signal.throwIfAborted();
    const program = spawner.start(
      { command, args, env },
      { kind: 'check', cwd, instance: checkMark(instance), onOutput },
    );
    const end = (): void => program.end(0);
    signal.addEventListener('abort', end, { once: true });
    return program.ended.finally(() => signal.removeEventListener('abort', end));
  };
  const first = await run();
  // What became of the process that starts programs says nothing about the replica.
  const { exitCode, signal: ending, error } = first.isLost ? await run() : first;
  signal.throwIfAborted();
  if (error !== '') return error;
  return exitCode === 0 ? undefined : `${ending ?? `exit code ${exitCode}`}: ${output.trim()}`;
}

function causeOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return code === 'ECONNREFUSED' ? 'the connection was refused' : code === 'UND_ERR_SOCKET' ? 'it hung up' : message;
}

const forever = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
