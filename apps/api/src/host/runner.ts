import { hostname } from 'node:os';
import { join } from 'node:path';
import type { PeerCertificate } from 'node:tls';
import { labelsSchema } from '@quorate/shared/runners';
import { JoinStringError, parseJoinString } from '../cluster/join/join-string';
import { checkPeer } from '../cluster/pki/peer-identity';
import {
  joinAsRunner,
  loadRunnerFile,
  type RunnerFile,
  runnerKey,
  saveRunnerFile,
} from '../cluster/runners/join-client';
import { systemClock } from '../lib/clock';
import { createLogger } from '../lib/logger';
import { startRunner } from '../work/agent/runner';
import type { HostContext } from './config-options';
import { HostError, UsageError } from './host-error';

export interface RunnerCliOptions {
  readonly dataDir: string;
  readonly name?: string;
  readonly label: readonly string[];
  readonly capacity: number;
  readonly clusterToken: string;
}

const JOIN_MS = 30_000;

function labelsOf(pairs: readonly string[]): Record<string, string> {
  const labels = Object.fromEntries(pairs.map((pair) => [pair.split('=')[0] ?? '', pair.slice(pair.indexOf('=') + 1)]));
  const parsed = labelsSchema.safeParse(labels);
  if (parsed.success) return parsed.data;
  throw new UsageError(`--label: ${parsed.error.issues[0]?.message ?? 'not valid'}`);
}

async function identify(
  context: HostContext,
  joinString: string | undefined,
  options: RunnerCliOptions,
): Promise<RunnerFile> {
  const known = loadRunnerFile(options.dataDir);
  if (known) return known;
  if (joinString === undefined) {
    throw new UsageError(
      'this host is no runner yet: give the join string of a token of kind runner (quorate token create --kind runner)',
    );
  }
  const { name = hostname(), label, capacity, clusterToken } = options;
  try {
    return await joinAsRunner({
      ...{
        target: parseJoinString(joinString),
        dataDir: options.dataDir,
        name,
        labels: labelsOf(label),
        capacity,
        clusterToken,
      },
      ...{ version: context.version, timeoutMs: JOIN_MS, clock: systemClock },
    });
  } catch (error) {
    if (error instanceof JoinStringError) throw new UsageError(error.message);
    throw error;
  }
}

/** Runs a runner until a signal. @returns the exit code */
export async function runRunner(
  context: HostContext,
  joinString: string | undefined,
  options: RunnerCliOptions,
): Promise<number> {
  const logger = createLogger({ level: 'info', format: context.stderrTty ? 'text' : 'json' });
  const file = await identify(context, joinString, options);
  const keyPem = runnerKey(options.dataDir);
  return new Promise((resolve, reject) => {
    const runner = startRunner({
      id: file.runner_id,
      dir: join(options.dataDir, 'work'),
      cores: file.cores,
      tls: () => ({
        ...{ ca: file.ca, cert: file.certificate, key: keyPem, minVersion: 'TLSv1.3' },
        // Its types know the certificate by less, and want a boolean; it goes to tls.connect as it is.
        checkServerIdentity: ((_host: string, certificate: PeerCertificate) => checkPeer(certificate, {})) as never,
      }),
      ...{ logger, clock: systemClock, onTrust: () => undefined },
      onCores: (cores) => saveRunnerFile(options.dataDir, { ...file, cores: [...cores] }),
      onRemoved: () => {
        const { name } = file;
        const removed = `the runner ${name} was removed from the cluster; to join anew, empty ${options.dataDir}`;
        void runner.stop().finally(() => reject(new HostError(removed)));
      },
    });
    const stop = (): void => void runner.stop().then(() => resolve(0));
    process.once('SIGTERM', stop);
    process.once('SIGINT', stop);
  });
}
