import { randomUUID } from 'node:crypto';
import type { AssignedReplica, ReplicaReport } from '@quorate/shared/runner-protocol';
import { delay } from '../../../lib/async';
import type { Logger } from '../../../lib/logger';
import type { ProgramUser } from '../../../lib/program-user';
import { diskProblem } from '../disk-problem';
import type { ProgramEnd } from '../launch';
import type { Spawner } from '../spawner';
import { type BackoffOptions, backoffMs } from './backoff';
import type { Gate } from './gate';
import { watchHealth } from './health';
import { openOutput, type ReplicaOutput } from './output';
import type { Ports } from './ports';
import { adoptProgram, type Program, startLasting } from './program';
import { type RecordStore, type ReplicaRecord, workOf } from './record';

export interface ReplicaDeps {
  readonly records: RecordStore;
  readonly ports: Ports;
  /** Bounds how many checks run at once. */
  readonly gate: Gate;
  readonly bootId: string;
  readonly backoff: BackoffOptions;
  /** Resolves when a core node has said what is to run: nothing is started before, since it may be elsewhere by now. */
  readonly mayStart: Promise<void>;
  readonly spawner: Spawner;
  readonly user: ProgramUser | undefined;
  readonly onReport: (report: ReplicaReport) => void;
  readonly logger: Logger;
}

/** One generation of a replica slot: kept running until it is told to stop. */
export interface Replica {
  readonly assigned: AssignedReplica;
  readonly report: ReplicaReport;
  readonly output: ReplicaOutput;
  /** The leader of its processes; undefined while there is none. */
  readonly pid: number | undefined;
  /** To be called some times a second. @returns true when it should be called sooner: it writes much */
  tick(): boolean;
  /** Ends it; resolves when no process of it is left, and then nothing is known of it any more. */
  stop(): Promise<void>;
  /** Stops watching it, and leaves it running for the next process. */
  leave(): Promise<void>;
}

const SHOWN_BYTES = 1_000;
const REASON_LENGTH = 2_000;
const NOT_READABLE = /[^\P{C}\n\t]/gu;

/** Takes over what the record says is running, or begins anew. */
export function keepReplica(deps: ReplicaDeps, stored: ReplicaRecord): Replica {
  const { records, ports, logger } = deps;
  const { assigned } = stored;
  const { spec } = assigned;
  const directory = records.directory(assigned);
  const output = openOutput(directory);
  const halted = new AbortController();
  const left = new AbortController();
  let record = stored;
  let program = stored.process ? adoptProgram(stored.process, deps.bootId, directory) : undefined;
  let outputFrom = output.total;
  /** Of the last failure: the next start is told with it, in case that nobody heard of it. */
  let lastWhy = '';

  function save(change: Partial<ReplicaRecord>): void {
    record = { ...record, ...change };
    records.save(record);
  }
  function say(state: ReplicaReport['state'], reason: string, change: Partial<ReplicaReport> = {}): void {
    if (left.signal.aborted) return;
    const { report } = record;
    const shown = reason.replaceAll(NOT_READABLE, '�').slice(0, REASON_LENGTH);
    record = { ...record, report: { ...report, ...change, state, reason: shown, n: report.n + 1 } };
    try {
      records.save(record);
    } catch (error) {
      // A full disk must not end what runs well.
      logger.error({ err: error, service: assigned.service }, 'what is known of a replica cannot be kept');
    }
    deps.onReport(record.report);
  }
  /** What it wrote since it was started, behind why it failed. */
  const withOutput = (why: string): string => {
    const wrote = output.tail(outputFrom, SHOWN_BYTES).trim();
    return wrote === '' ? why : `${why}; it wrote: ${wrote}`;
  };

  const environment = (): Record<string, string> => {
    const { service, slot, generation, revision } = assigned;
    const own = { SERVICE: service, SLOT: slot, GENERATION: generation, REVISION: revision };
    const names = Object.entries(own).map(([name, value]) => [`QUORATE_${name}`, String(value)]);
    return { ...spec.env, ...portVariables(spec.ports, record.report.ports), ...Object.fromEntries(names) };
  };
  const expanded = ({ command, args }: { command: string; args: readonly string[] }) => ({
    command,
    args: withPorts(args, portVariables(spec.ports, record.report.ports)),
  });
  const cwd = workOf(directory);

  /** @returns undefined when it is halted before @throws Error when there are no ports */
  async function start(): Promise<Program | undefined> {
    await Promise.race([deps.mayStart, aborted(halted.signal)]);
    if (halted.signal.aborted) return undefined;
    ports.giveBack(record.report.ports);
    const own = await ports.take(spec.ports, record.report.ports);
    if (halted.signal.aborted) {
      ports.giveBack(own);
      return undefined;
    }
    const isFirst = record.process === null;
    const restarts = record.report.restarts + (isFirst ? 0 : 1);
    const instance = randomUUID();
    save({
      process: { instance, bootId: deps.bootId, pid: null, startTime: '' },
      report: { ...record.report, ports: own },
    });
    if (!isFirst) output.note(`[quorate: started again, ${restarts}]`);
    outputFrom = output.total;
    const started = startLasting({
      ...{ spec: expanded(spec), env: environment(), instance, bootId: deps.bootId, cwd, user: deps.user },
      outputPath: output.path,
    });
    save({ process: started.identity });
    say('starting', lastWhy === '' ? '' : `started again: ${lastWhy}`, { restarts });
    return started;
  }

  /** Resolves with why it failed, or undefined when it is to stop or to be left. */
  async function live(running: Program): Promise<string | undefined> {
    const done = new AbortController();
    const signal = AbortSignal.any([halted.signal, done.signal]);
    const { health } = spec;
    let healthySince: number | undefined;
    const ill = watchHealth(
      {
        ...{ ports: record.report.ports, env: environment(), cwd, gate: deps.gate },
        ...{ spawner: deps.spawner, instance: running.identity.instance },
        health: health.type === 'exec' ? { ...health, ...expanded(health) } : health,
        wasHealthy: record.report.state === 'healthy',
        onHealthy() {
          healthySince = performance.now();
          if (record.report.state !== 'healthy') say('healthy', '');
        },
      },
      signal,
    );
    const gone = running.ended.then((end) => withOutput(howEnded(end)));
    const why = await Promise.race([gone, ill]);
    done.abort();
    if (halted.signal.aborted || why === undefined) return undefined;
    if (running.running) say('unhealthy', why);
    const stableMs = healthySince === undefined ? 0 : performance.now() - healthySince;
    save({ failures: stableMs >= deps.backoff.stableMs ? 1 : record.failures + 1 });
    await ill;
    return why;
  }

  async function supervise(): Promise<void> {
    if (!program && record.report.state !== 'starting')
      say('starting', 'a core node has yet to say that it is still wanted');
    if (program) ports.keep(record.report.ports);
    while (!halted.signal.aborted) {
      let why: string | undefined;
      try {
        program ??= await start();
        why = program && (await live(program));
      } catch (error) {
        // No port, a full disk: as if the program had failed.
        why = diskProblem(error);
        record = { ...record, failures: record.failures + 1 };
      }
      if (halted.signal.aborted) return;
      await program?.end(spec.stop_grace_seconds * 1000, halted.signal, stuck);
      if (halted.signal.aborted) return;
      program = undefined;
      lastWhy = why ?? '';
      const waitMs = backoffMs(deps.backoff, record.failures, Math.random());
      // The time of day: this is read long after it was said.
      const next = new Date(Date.now() + waitMs).toISOString().slice(11, 19);
      say('backing_off', `${lastWhy} (failure ${record.failures} in a row; next start at ${next}Z)`);
      await delay(waitMs, halted.signal);
    }
  }
  function stuck(): void {
    logger.error(
      { service: assigned.service, slot: assigned.slot },
      'processes of a replica do not end, though killed',
    );
    say(record.report.state, 'its processes do not end, though they were killed');
  }
  const supervising = supervise();

  return {
    assigned,
    output,
    get report() {
      return record.report;
    },
    get pid() {
      return program?.running ? (program.identity.pid ?? undefined) : undefined;
    },
    tick() {
      program?.check();
      return output.bound();
    },
    async stop() {
      halted.abort();
      await supervising;
      if (program) {
        say('stopping', '');
        await program.end(spec.stop_grace_seconds * 1000, left.signal, stuck);
      }
      if (left.signal.aborted) return;
      ports.giveBack(record.report.ports);
      await records.remove(assigned);
    },
    async leave() {
      left.abort();
      halted.abort();
      await supervising;
    },
  };
}

/** What was never here: nothing of it has been started. */
export const freshRecord = (assigned: AssignedReplica): ReplicaRecord => {
  const { service, slot, generation } = assigned;
  const report = { service, slot, generation, n: 1, state: 'starting', reason: '', ports: {}, restarts: 0 } as const;
  return { assigned, report, failures: 0, process: null };
};

function portVariables(names: readonly string[], ports: Readonly<Record<string, number>>): Record<string, string> {
  const [first] = names;
  const variables = names.map((name) => [`PORT_${name.toUpperCase()}`, String(ports[name] ?? '')]);
  return { ...Object.fromEntries(variables), ...(first === undefined ? {} : { PORT: String(ports[first] ?? '') }) };
}

/** `${PORT}` and `${PORT_HTTP}` in arguments: many a program takes its port there only. Nothing else is replaced. */
const withPorts = (args: readonly string[], variables: Readonly<Record<string, string>>): string[] =>
  args.map((arg) => arg.replaceAll(/\$\{(PORT(?:_[A-Z0-9_]+)?)\}/g, (whole, name: string) => variables[name] ?? whole));

function howEnded({ exitCode, signal, error }: ProgramEnd): string {
  if (error !== '') return error;
  if (signal !== null) return `it was ended by ${signal}`;
  return exitCode === null
    ? 'it ended; nobody knows how, since the runner had been restarted'
    : `it ended with exit code ${exitCode}`;
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
