import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { hostPort } from '@quorate/shared/names';
import { RUNNER_JOIN_PATH, type RunnerJoinRequest, runnerJoinAnswerSchema } from '@quorate/shared/runner-protocol';
import type { Labels } from '@quorate/shared/runners';
import { z } from 'zod';
import type { Clock } from '../../lib/clock';
import { sendJoin } from '../join/client';
import { JoinError } from '../join/join-error';
import type { JoinTarget } from '../join/join-string';
import { pinCa } from '../join/pin-ca';
import { writeFileAtomic } from '../pki/atomic-file';
import { loadOrCreateNodeKey } from '../pki/identity';
import { createCsr, fingerprintOf } from '../pki/keys';

const runnerFileSchema = z.object({
  version: z.literal(1),
  runner_id: z.uuid(),
  name: z.string(),
  cluster_id: z.uuid(),
  certificate: z.string(),
  ca: z.string(),
  /** Cluster addresses of the core nodes, as they were last known. */
  cores: z.array(hostPort),
});
/** `runner.json`: who this runner is. */
export type RunnerFile = z.infer<typeof runnerFileSchema>;

const pathOf = (dataDir: string): string => join(dataDir, 'runner.json');

/** Undefined before it has joined. */
export const loadRunnerFile = (dataDir: string): RunnerFile | undefined =>
  existsSync(pathOf(dataDir)) ? runnerFileSchema.parse(JSON.parse(readFileSync(pathOf(dataDir), 'utf8'))) : undefined;

export const saveRunnerFile = (dataDir: string, file: RunnerFile): void =>
  writeFileAtomic(pathOf(dataDir), `${JSON.stringify(file, null, 2)}\n`);

/** PEM of its private key, made once. */
export const runnerKey = (dataDir: string): string => loadOrCreateNodeKey(dataDir);

export interface RunnerJoin {
  readonly target: JoinTarget;
  readonly dataDir: string;
  readonly name: string;
  readonly labels: Labels;
  readonly capacity: number;
  readonly version: string;
  readonly clusterToken: string;
  readonly timeoutMs: number;
  readonly clock: Clock;
}

/** Gets this runner admitted: pins the CA before anything is sent, shows the token, and stores runner.json. @throws JoinError */
export async function joinAsRunner(options: RunnerJoin): Promise<RunnerFile> {
  const { target, dataDir, name, labels, capacity, version, timeoutMs, clock } = options;
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const keyPem = runnerKey(dataDir);
  const signal = AbortSignal.timeout(timeoutMs);
  const caPem = await pinCa({ ...target, timeoutMs, signal, onReached: () => undefined });
  const request: RunnerJoinRequest = {
    ...{ token: target.token, csr: await createCsr({ keyPem, nodeName: name }), name, labels, capacity, version },
    ...{ cluster_token: options.clusterToken, clock: clock() },
  };
  const call = { path: RUNNER_JOIN_PATH, request, caPem, signal, timeoutMs, schema: runnerJoinAnswerSchema };
  const answer = await sendJoin(target.address, call);
  if (fingerprintOf(answer.ca) !== fingerprintOf(caPem)) {
    throw new JoinError(
      'admitted',
      'bad_certificate',
      'the cluster sent another CA than the pinned one',
      'run it again',
    );
  }
  const { runner_id, certificate, ca, cores } = answer;
  const file: RunnerFile = { version: 1, runner_id, name, cluster_id: answer.cluster.id, certificate, ca, cores };
  saveRunnerFile(dataDir, file);
  return file;
}
