import { hostname } from 'node:os';
import { join } from 'node:path';
import { nodeName } from '@quorate/shared/names';
import { labelsSchema } from '@quorate/shared/runners';
import { JoinStringError, parseJoinString } from '../cluster/join/join-string';
import { inspectCertificate } from '../cluster/pki/inspect';
import { createRunnerCredentials, type RunnerCredentials } from '../cluster/runners/credentials';
import {
  joinAsRunner,
  loadRunnerFile,
  type RunnerFile,
  runnerKey,
  setRunnerFileAside,
} from '../cluster/runners/join-client';
import { type Clock, systemClock } from '../lib/clock';
import { lockDirectory } from '../lib/directory-lock';
import { createLogger, type Logger } from '../lib/logger';
import { type ProgramUser, programUser } from '../lib/program-user';
import type { RunnerSelf } from '../work/agent/link';
import { type Runner, startRunner } from '../work/agent/runner';
import type { HostContext } from './config-options';
import { HostError, reasonOf, UsageError } from './host-error';

export interface RunnerCliOptions {
  readonly dataDir: string;
  readonly name?: string;
  readonly label: readonly string[];
  readonly capacity?: number;
  readonly user: string;
  readonly clusterToken: string;
}

const JOIN_MS = 30_000;
const DEFAULT_CAPACITY = 10;
const RENEWAL_CHECK_MS = 60_000;

/** @throws UsageError that names the option */
function labelsOf(pairs: readonly string[]): Record<string, string> {
  const labels: Record<string, string> = {};
  for (const pair of pairs) {
    const at = pair.indexOf('=');
    if (at < 1) throw new UsageError(`--label ${pair}: expected key=value, such as --label zone=a`);
    const parsed = labelsSchema.safeParse({ [pair.slice(0, at)]: pair.slice(at + 1) });
    if (!parsed.success) {
      const issue = parsed.error.issues[0];
      const why = issue?.code === 'invalid_key' ? issue.issues[0]?.message : issue?.message;
      throw new UsageError(`--label ${pair}: ${why ?? 'not valid'}`);
    }
    Object.assign(labels, parsed.data);
  }
  if (Object.keys(labels).length > 32) throw new UsageError('--label: at most 32 labels');
  return labels;
}

function nameOf(name: string): string {
  const parsed = nodeName.safeParse(name);
  if (parsed.success) return parsed.data;
  throw new UsageError(`--name ${name}: ${parsed.error.issues[0]?.message ?? 'not valid'}`);
}

/** @throws JoinError, UsageError */
async function identify(
  context: HostContext,
  joinString: string | undefined,
  options: RunnerCliOptions,
  logger: Logger,
): Promise<RunnerFile> {
  const { dataDir, clusterToken } = options;
  const known = loadRunnerFile(dataDir);
  const { notAfter } = known ? inspectCertificate(known.certificate) : { notAfter: 0 };
  if (known && systemClock() > notAfter) {
    const cure = 'run it with the join string of a token of kind runner: it is let in as the runner that it was';
    const day = new Date(notAfter).toISOString().slice(0, 10);
    if (joinString === undefined) throw new HostError(`the certificate of ${known.name} expired on ${day}; ${cure}`);
  } else if (known) {
    if (joinString !== undefined) logger.info('this host is a runner already: the join string is not used');
    return known;
  }
  if (joinString === undefined) {
    const cure = 'give the join string of a token of kind runner (quorate token create --kind runner)';
    throw new UsageError(`this host is no runner yet: ${cure}`);
  }
  try {
    const own = { name: nameOf(options.name ?? known?.name ?? hostname()), labels: labelsOf(options.label) };
    return await joinAsRunner({
      ...{ target: parseJoinString(joinString), dataDir, clusterToken, ...own },
      ...{ capacity: options.capacity ?? DEFAULT_CAPACITY, version: context.version },
      ...{ timeoutMs: JOIN_MS, clock: systemClock },
    });
  } catch (error) {
    if (error instanceof JoinStringError) throw new UsageError(error.message);
    throw error;
  }
}

/** Renews the certificate in time, and opens the connections anew with it. @returns the function that ends it */
function keepCertificate(
  credentials: RunnerCredentials,
  runner: Runner,
  { logger, renewalCheckMs = RENEWAL_CHECK_MS }: Pick<OpenOptions, 'logger' | 'renewalCheckMs'>,
): () => void {
  let busy = false;
  async function check(): Promise<void> {
    if (busy) return;
    busy = true;
    try {
      if (await credentials.renewIfDue(runner.renew)) await runner.reconnect();
    } catch (error) {
      logger.warn({ reason: reasonOf(error) }, 'the certificate could not be renewed; it is tried again');
    } finally {
      busy = false;
    }
  }
  const timer = setInterval(() => void check(), renewalCheckMs);
  void check();
  return () => clearInterval(timer);
}

export interface OpenOptions {
  readonly dataDir: string;
  readonly file: RunnerFile;
  readonly self: RunnerSelf;
  readonly user: ProgramUser | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  /** How often it is looked whether the certificate is due. */
  readonly renewalCheckMs?: number;
  /** Called once, when it has ended because the cluster does not know it any more. */
  readonly onRemoved: () => void;
}

/** A runner with what it is known by, kept fresh while it runs. @returns the function that ends it */
export function openRunner(options: OpenOptions): () => Promise<void> {
  const { dataDir, file, self, user, clock, logger } = options;
  const credentials = createRunnerCredentials({ dataDir, file, keyPem: runnerKey(dataDir), clock, logger });
  let stopCare: (() => void) | undefined;
  const runner = startRunner({
    ...{ id: file.runner_id, dir: join(dataDir, 'work'), cores: file.cores, self, user, clock, logger },
    // Its types know the certificate by less, and want a boolean; it goes to tls.connect as it is.
    tls: () => credentials.tls() as never,
    onCores: credentials.setCores,
    onTrust(trust) {
      credentials.setTrust(trust);
      stopCare ??= keepCertificate(credentials, runner, options);
    },
    onRemoved() {
      // The file goes last: whoever is killed before that is told again, and ends what it has then.
      void stop()
        .then(() => setRunnerFileAside(dataDir))
        .finally(options.onRemoved);
    },
  });
  async function stop(): Promise<void> {
    stopCare?.();
    await runner.stop();
  }
  return stop;
}

/** Runs a runner until a signal. @returns the exit code */
export async function runRunner(
  context: HostContext,
  joinString: string | undefined,
  options: RunnerCliOptions,
): Promise<number> {
  const { dataDir } = options;
  const logger = createLogger({ level: 'info', format: context.stderrTty ? 'text' : 'json' });
  const labels = labelsOf(options.label);
  const user = await programUser(options.user, '--user');
  const file = await identify(context, joinString, options, logger);
  const unlock = lockDirectory(dataDir);
  const self = {
    labels: options.label.length > 0 ? labels : file.labels,
    capacity: options.capacity ?? file.capacity,
    version: context.version,
  };
  const ended = new Promise<number>((resolve, reject) => {
    const stop = openRunner({
      ...{ dataDir, file, self, user, clock: systemClock, logger },
      onRemoved() {
        const cure = 'to join anew, run it with the join string of another token';
        reject(new HostError(`the runner ${file.name} was removed from the cluster; ${cure}`));
      },
    });
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void stop().then(() => resolve(0)));
  });
  return ended.finally(unlock);
}
