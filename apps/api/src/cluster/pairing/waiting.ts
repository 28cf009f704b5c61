import { join } from 'node:path';
import { isErrorCode } from '@quorate/shared/error-codes';
import { DomainError } from '../../commands/domain-error';
import type { Config } from '../../config/derive';
import type { StateDb } from '../../db/state-store';
import { assert } from '../../lib/assert';
import { withTimeout } from '../../lib/async';
import type { Clock } from '../../lib/clock';
import type { Logger } from '../../lib/logger';
import { parseHostPort } from '../../lib/net';
import type { Reconciler } from '../../reconcile/driver';
import type { Proposer } from '../../replication/proposer';
import { clusterInfo } from '../../resources/setup/table';
import { users } from '../../resources/users/table';
import { joinCluster } from '../join/client';
import { joinOptionsOf } from '../join/from-config';
import { JoinError } from '../join/join-error';
import type { JoinTarget } from '../join/join-string';
import type { Journal } from '../journal';
import { liveMembers } from '../members/admission';
import { operatorPkiOf } from '../operator-pki';
import { loadOrCreateNodeKey } from '../pki/identity';
import { selfSign } from '../pki/issue';
import { openPairingListener, type PairingListener } from './listener';
import { createPairingCode, formatPairingCode } from './proof';

export interface WaitingDeps {
  readonly config: Config;
  readonly version: string;
  readonly db: () => StateDb;
  readonly journal: Journal;
  readonly proposer: Proposer;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A node that nobody has set up yet waits for a cluster to add it. */
export interface Waiting extends Reconciler {
  /** The code, while a cluster can add this node; undefined otherwise. */
  code(): string | undefined;
  /** Gives the cluster address up for the cluster listener; after `resume` it waits again if it still may. */
  suspend(): Promise<void>;
  resume(): void;
  /** Resolves when the node was admitted: it is to start anew, as a member. */
  readonly admitted: Promise<void>;
  close(): Promise<void>;
}

const SETTLE_MS = 5_000;
const ADMITTED_TIMEOUT_MS = 25_000;

/** What a pairing has brought, until the next start puts it in the place of the node that waited. */
export const pairingDirOf = (dataDir: string): string => join(dataDir, 'pairing');

export function createWaiting(deps: WaitingDeps): Waiting {
  const { config, version, db, journal, proposer, clock, logger } = deps;
  const code = createPairingCode();
  const directory = pairingDirOf(config.data_dir);
  let listener: PairingListener | undefined;
  let suspended = false;
  let isAdmitted = false;
  let failure = '';
  let tellAdmitted = (): void => {};
  const admitted = new Promise<void>((resolve) => {
    tellAdmitted = resolve;
  });

  /** Nothing that anybody has entered here would be lost. */
  function mayWait(): boolean {
    if (config.cluster.mode === 'bootstrap' || journal.mode !== 'single' || journal.growing) return false;
    const info = db().select().from(clusterInfo).get();
    const isFresh = info?.setUpAt === null && db().select().from(users).limit(1).get() === undefined;
    return isFresh && liveMembers(db()).length === 1;
  }

  async function joinBy(target: JoinTarget): Promise<{ nodeId: number }> {
    if (!mayWait()) throw new DomainError('pairing_not_open', 'this node was set up meanwhile');
    // Whatever is entered from here on would be moved aside with the rest: it waits, and is refused or written afterwards.
    await withTimeout(proposer.pause(), SETTLE_MS, 'writes under way did not settle');
    try {
      if (!mayWait()) throw new DomainError('pairing_not_open', 'this node was set up meanwhile');
      const { cluster } = config;
      const { address, token, caFingerprint } = target;
      const join = { ...cluster.join, url: `https://${address}`, ca_fingerprint: caFingerprint };
      const timeoutMs = Math.min(cluster.join.timeout, ADMITTED_TIMEOUT_MS);
      const options = joinOptionsOf({ config: { ...config, cluster: { ...cluster, join } }, version, clock }, token);
      const joined = await joinCluster({ ...options, dataDir: directory, timeoutMs, answersAlready: true });
      isAdmitted = true;
      return { nodeId: joined.nodeFile.node_id };
    } catch (error) {
      proposer.attach(journal.log);
      if (error instanceof JoinError) {
        throw new DomainError(isErrorCode(error.code) ? error.code : 'conflict', `${error.message}; ${error.cure}`);
      }
      throw error;
    }
  }

  /** The key that the node would join with, as the cluster will see it when it dials back. */
  async function ownTls(): Promise<{ cert: string; key: string }> {
    const operator = operatorPkiOf(config, clock);
    if (operator) return { cert: operator.certPem, key: operator.keyPem };
    const key = loadOrCreateNodeKey(directory);
    return { cert: await selfSign({ keyPem: key, nowMs: clock() }), key };
  }

  async function open(): Promise<void> {
    const address = parseHostPort(config.cluster.address);
    assert(address, 'cluster.address is host:port');
    const { name } = config.node;
    const onJoined = (): void => tellAdmitted();
    const tls = await ownTls();
    listener = await openPairingListener({ ...address, tls, code, name, version, join: joinBy, onJoined, logger });
    failure = '';
    logger.info(`or let a cluster add this node: quorate cluster add ${config.cluster.advertise}`);
    // As text: fields named like secrets are redacted.
    logger.info(`the pairing code that this asks for is ${formatPairingCode(code)}`);
  }

  async function close(): Promise<void> {
    const open = listener;
    listener = undefined;
    await open?.close();
  }

  return {
    name: 'pairing',
    intervalMs: 1_000,
    async run() {
      if (isAdmitted || suspended) return;
      if (!mayWait()) return close();
      if (listener) return;
      await open().catch((error: unknown) => {
        const why = error instanceof Error ? error.message : String(error);
        // In use it may well be: by another node of this host, as the default is.
        const level = (error as { code?: string }).code === 'EADDRINUSE' ? 'debug' : 'warn';
        const what = `nobody can add this node, nor can it grow: cluster.address (${config.cluster.address}) cannot be used`;
        if (why !== failure) logger[level](`${what}: ${why}`);
        failure = why;
      });
    },
    code: () => (listener ? formatPairingCode(code) : undefined),
    async suspend() {
      suspended = true;
      await close();
    },
    resume() {
      suspended = false;
    },
    admitted,
    close,
  };
}
