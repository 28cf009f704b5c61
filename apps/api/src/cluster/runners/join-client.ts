import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { hostPort } from '@quorate/shared/names';
import { RUNNER_JOIN_PATH, type RunnerJoinRequest, runnerJoinAnswerSchema } from '@quorate/shared/runner-protocol';
import { type Labels, labelsSchema } from '@quorate/shared/runners';
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
  labels: labelsSchema,
  capacity: z.int(),
});
/** `runner.json`: who this runner is. */
export type RunnerFile = z.infer<typeof runnerFileSchema>;

const pathOf = (dataDir: string): string => join(dataDir, 'runner.json');

/** Undefined before it has joined. */
export const loadRunnerFile = (dataDir: string): RunnerFile | undefined =>
  existsSync(pathOf(dataDir)) ? runnerFileSchema.parse(JSON.parse(readFileSync(pathOf(dataDir), 'utf8'))) : undefined;

export const saveRunnerFile = (dataDir: string, file: RunnerFile): void =>
  writeFileAtomic(pathOf(dataDir), `${JSON.stringify(file, null, 2)}\n`);

/** After the cluster has removed it: another token lets it in anew, under another id. */
export const setRunnerFileAside = (dataDir: string): void => renameSync(pathOf(dataDir), `${pathOf(dataDir)}.removed`);

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
  const answer = await sendJoin(target.address, call).catch(withRunnerCure);
  if (fingerprintOf(answer.ca) !== fingerprintOf(caPem)) {
    throw new JoinError(
      'admitted',
      'bad_certificate',
      'the cluster sent another CA than the pinned one',
      'run it again',
    );
  }
  const { runner_id, certificate, ca, cores } = answer;
  const own = { version: 1, runner_id, name, labels, capacity } as const;
  const file: RunnerFile = { ...own, cluster_id: answer.cluster.id, certificate, ca, cores };
  saveRunnerFile(dataDir, file);
  return file;
}

/** What helps a runner, where it is not what helps a core node. */
const CURES: Readonly<Record<string, string>> = Object.fromEntries(
  ['token_unknown', 'token_expired', 'token_revoked', 'token_used_up', 'token_kind_mismatch'].map((code) => [
    code,
    'mint a token for runners: quorate token create --kind runner',
  ]),
);

function withRunnerCure(error: unknown): never {
  const cure = error instanceof JoinError ? CURES[error.code] : undefined;
  if (!(error instanceof JoinError) || cure === undefined) throw error;
  throw new JoinError(error.stage, error.code, error.message, cure, { cause: error });
}
