import { JOIN_PATH } from '@quorate/shared/join-protocol';
import { RUNNER_JOIN_PATH } from '@quorate/shared/runner-protocol';
import { Hono } from 'hono';
import { DomainError } from '../commands/domain-error';
import type { Config } from '../config/derive';
import type { StateDb } from '../db/state-store';
import type { Clock } from '../lib/clock';
import type { Logger } from '../lib/logger';
import type { Barrier } from '../replication/barrier';
import type { Proposer } from '../replication/proposer';
import { requireInfo } from './cluster-record';
import { helloOf } from './formation/form';
import { FORMATION_PATH } from './formation/hello';
import { createFormationApp } from './formation/server';
import { createJoinApp } from './join/server';
import type { Keyring } from './keyring';
import type { ClusterEnv } from './listener';
import { clusterLevel } from './members/admission';
import { createRunnerJoinApp } from './runners/join-app';

export interface AdmissionAppDeps {
  readonly config: Config;
  readonly nodeId: number;
  /** Whether this node runs on Raft: while it still grows, a crash would leave it single beside whoever it admitted. */
  readonly isCluster: () => boolean;
  readonly db: () => StateDb;
  readonly proposer: Proposer;
  readonly barrier: Barrier;
  readonly keyring: Keyring;
  readonly version: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What nodes ask that are no members yet: to join by a token, or to found a cluster together. */
export function createAdmissionApp(deps: AdmissionAppDeps): Hono<ClusterEnv> {
  const { config, nodeId, db, proposer, barrier, keyring, version, clock, logger } = deps;
  const { propose } = proposer;
  const catchUp = (): Promise<number> => barrier();
  const isBootstrap = config.cluster.mode === 'bootstrap';
  const cluster = () => {
    const { clusterId: id, name, caCert: caPem } = requireInfo(db());
    return { id, name, caPem, token: config.cluster.token };
  };
  const caKey = (): Promise<string> => keyring.caKey();
  const runners = createRunnerJoinApp({ db, propose, catchUp, cluster, caKey, clock, logger });
  const joining = createJoinApp({
    ...{ db, propose, catchUp, version, clock, logger, cluster, caKey },
    clusterKey: () => keyring.clusterKey(),
    clusterLevel: () => clusterLevel(db()),
  });
  const own = () => (isBootstrap ? helloOf({ config, version, clock }, nodeId) : undefined);
  const app = new Hono<ClusterEnv>();
  app.on('POST', [JOIN_PATH, RUNNER_JOIN_PATH, FORMATION_PATH], (_c, next) => {
    if (!deps.isCluster()) {
      throw new DomainError('not_ready', 'this node is just becoming a cluster; try again shortly', [], 1);
    }
    return next();
  });
  return app.route('/', joining).route('/', runners).route('/', createFormationApp({ own, db, propose, catchUp }));
}
