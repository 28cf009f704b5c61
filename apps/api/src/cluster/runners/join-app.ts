import { MAX_CLOCK_SKEW_MS } from '@quorate/shared/join-protocol';
import { RUNNER_JOIN_PATH, type RunnerJoinAnswer, runnerJoinRequestSchema } from '@quorate/shared/runner-protocol';
import { Hono } from 'hono';
import { RateLimiterMemory } from 'rate-limiter-flexible';
import { DomainError } from '../../commands/domain-error';
import type { StateDb } from '../../db/state-store';
import { validationFailed } from '../../http/problem';
import { normalizeAddress } from '../../http/remote-address';
import type { Clock } from '../../lib/clock';
import { sha256Hex } from '../../lib/hash';
import { uuidv7 } from '../../lib/ids';
import type { Logger } from '../../lib/logger';
import type { Proposer } from '../../replication/proposer';
import { issuesCertificates } from '../join/certificate';
import { consumeAttempt } from '../join/server';
import type { ClusterEnv } from '../listener';
import { liveMembers } from '../members/admission';
import { issueRunnerCertificate, NODE_CERTIFICATE_LIFETIME_MS } from '../pki/issue';
import { CsrError, keyPinOf, verifyCsr } from '../pki/keys';
import { admitRunner, authorizeRunner } from './commands';

export interface RunnerJoinDeps {
  readonly db: () => StateDb;
  readonly propose: Proposer['propose'];
  /** Waits until this node has applied all that the cluster had acknowledged. @throws DomainError no_quorum */
  readonly catchUp: () => Promise<unknown>;
  readonly cluster: () => {
    readonly id: string;
    readonly name: string;
    readonly caPem: string;
    readonly token: string;
  };
  /** PEM of the CA's private key. */
  readonly caKey: () => Promise<string>;
  readonly clock: Clock;
  readonly logger: Logger;
}

const ATTEMPTS_PER_MINUTE = 120;

/** `POST /v1/runners/join` on the cluster listener: admits a runner that shows a token. */
export function createRunnerJoinApp(deps: RunnerJoinDeps): Hono<ClusterEnv> {
  const app = new Hono<ClusterEnv>();
  const attempts = new RateLimiterMemory({ points: ATTEMPTS_PER_MINUTE, duration: 60 });
  app.post(RUNNER_JOIN_PATH, async (c) => {
    const address = normalizeAddress(c.env.incoming.socket.remoteAddress ?? '');
    await consumeAttempt(attempts, address);
    c.header('cache-control', 'no-store');
    return c.json(await admit(deps, await c.req.json().catch(() => undefined), address));
  });
  return app;
}

/** @throws DomainError the first thing that stands against it; no use of the token is taken then */
async function admit(deps: RunnerJoinDeps, body: unknown, address: string): Promise<RunnerJoinAnswer> {
  const parsed = runnerJoinRequestSchema.safeParse(body);
  if (!parsed.success) throw validationFailed(parsed.error);
  const { token, csr, name, labels, capacity, version, cluster_token: clusterToken, clock } = parsed.data;
  const { publicKeyPem } = await verifyCsr(csr).catch((error: unknown) => {
    if (!(error instanceof CsrError)) throw error;
    throw new DomainError('validation_failed', error.message, [{ pointer: '/csr', detail: error.message }]);
  });
  const admission = { tokenHash: sha256Hex(token), name, keyPin: keyPinOf(publicKeyPem), address };
  await deps.catchUp();
  const { id: clusterId, name: clusterName, caPem, token: expected } = deps.cluster();
  authorizeRunner(deps.db(), admission, deps.clock());
  if (clusterToken !== expected) {
    throw new DomainError('cluster_token_mismatch', "cluster.token differs from the cluster's; set the same on both");
  }
  const skewMs = clock - deps.clock();
  if (Math.abs(skewMs) > MAX_CLOCK_SKEW_MS) {
    const detail = `the clock of ${name} differs by ${Math.round(skewMs / 1000)} s; synchronize it (NTP)`;
    throw new DomainError('clock_skew', detail, [{ pointer: '/clock', detail }]);
  }
  if (!issuesCertificates(deps.db())) {
    throw new DomainError(
      'conflict',
      'this cluster runs on certificates of its operator, who issues those of runners too',
    );
  }
  const ca = { certPem: caPem, keyPem: await deps.caKey() };
  const nowMs = deps.clock();
  const { result } = await deps.propose(
    admitRunner,
    {
      id: uuidv7(),
      ...admission,
      labels,
      capacity,
      version,
      certificateExpiresAt: nowMs + NODE_CERTIFICATE_LIFETIME_MS,
    },
    { actor: { kind: 'node', id: admission.keyPin.slice(0, 16), name }, id: uuidv7() },
  );
  deps.logger.info({ runner: result.id, name, address, resumed: result.resumed }, 'runner admitted');
  return {
    runner_id: result.id,
    resumed: result.resumed,
    cluster: { id: clusterId, name: clusterName },
    certificate: await issueRunnerCertificate({ ca, publicKeyPem, name, nowMs }),
    ca: caPem,
    cores: liveMembers(deps.db()).map(({ clusterAddress }) => clusterAddress),
  };
}
