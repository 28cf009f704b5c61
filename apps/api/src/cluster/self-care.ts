import { FEATURE_LEVEL } from '../commands/define-command';
import type { StateDb } from '../db/state-store';
import type { Clock } from '../lib/clock';
import { uuidv7 } from '../lib/ids';
import { lastOf } from '../lib/last-of';
import type { Logger } from '../lib/logger';
import type { Proposer } from '../replication/proposer';
import type { NodeAddresses } from './addresses';
import { SYSTEM_ACTOR } from './founding';
import type { Journal } from './journal';
import { liveMembers } from './members/admission';
import { updateOwnMember } from './members/commands';
import type { Identity } from './pki/identity';
import { inspectCertificate } from './pki/inspect';
import { keyPinOf } from './pki/keys';
import type { NodeFile } from './pki/node-file';

const pinOf = lastOf((certPem: string) => keyPinOf(certPem));

export interface SelfCare {
  /** Compares what the state says of this node with what it is, and mends what differs. Idempotent. */
  run(): Promise<void>;
}

export interface SelfCareDeps {
  readonly nodeId: number;
  readonly version: string;
  readonly addresses: NodeAddresses;
  readonly journal: Journal;
  readonly db: () => StateDb;
  readonly proposer: Proposer;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly identity: () => Identity;
  readonly stage: () => NodeFile['stage'];
  readonly setStage: (stage: NodeFile['stage']) => void;
}

export function createSelfCare(deps: SelfCareDeps): SelfCare {
  const { nodeId, addresses, journal, db, logger } = deps;

  /** Raft's own addresses change only while nobody else knows them: etcd keeps its members' URLs itself. */
  function ownFacts() {
    const raft = { raftPeerAddress: addresses.raftPeer, raftClientAddress: addresses.raftClient };
    return {
      version: deps.version,
      featureLevel: FEATURE_LEVEL,
      apiUrl: addresses.apiUrl,
      clusterAddress: addresses.cluster,
      certificateExpiresAt: inspectCertificate(deps.identity().certPem).notAfter,
      ...(journal.mode === 'single' ? raft : {}),
    };
  }

  return {
    async run() {
      const own = liveMembers(db()).find((member) => member.id === nodeId);
      if (journal.health !== 'ok' || own?.keyPin !== pinOf(deps.identity().certPem)) return;
      if (own.state === 'voter' && deps.stage() !== 'complete') {
        deps.setStage('complete');
        logger.info('join: voter; this node counts for the quorum now');
      }
      const facts = ownFacts();
      const stale = Object.entries(facts).some(([key, value]) => own[key as keyof typeof own] !== value);
      if (!stale) return;
      await deps.proposer.propose(updateOwnMember, facts, { actor: SYSTEM_ACTOR, id: uuidv7() });
    },
  };
}
