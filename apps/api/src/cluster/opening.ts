import type { StateDb } from '../db/state-store';
import type { Logger } from '../lib/logger';
import type { Applier } from '../replication/applier';
import type { Proposer } from '../replication/proposer';
import type { advertisedAddresses } from './addresses';
import { type Boot, BootError } from './boot';
import { proposeFounder, proposeFounding } from './founding';
import type { Journal } from './journal';
import { requestLearnerTicket } from './learners';
import { liveMembers } from './members/admission';
import type { PeerClient, PeerTarget } from './peer-client';

const LEARNER_WAIT_MS = 60_000;

export interface SingleDeps {
  readonly boot: Boot;
  readonly dataDir: string;
  readonly addresses: ReturnType<typeof advertisedAddresses>;
  readonly version: string;
  readonly db: () => StateDb;
  readonly journal: Journal;
  readonly proposer: Proposer;
  readonly logger: Logger;
}

/** Opens the embedded log, and founds the cluster where there is none. @throws BootError */
export async function openSingle(deps: SingleDeps): Promise<void> {
  const { boot, addresses, version, db, proposer, logger } = deps;
  refuseToLeaveCluster(deps);
  deps.journal.openSingle();
  const { founding, identity } = boot;
  const { node_id: id, name, cluster_id: clusterId } = boot.nodeFile;
  const node = { id, name, addresses, version };
  if (founding) {
    await proposeFounding(proposer, founding, node);
    logger.info({ cluster: founding.clusterId, node: id }, 'a new cluster of one node was founded');
  } else if (liveMembers(db()).length === 0) {
    // The founding was cut short between its two entries.
    await proposeFounder(proposer, { clusterId, certPem: identity.certPem }, node);
  }
}

/** Opening as a single node deletes the journal: an old copy of node.json must not make it so. @throws BootError */
function refuseToLeaveCluster({ boot, dataDir, db }: SingleDeps): void {
  const members = liveMembers(db()).filter((member) => member.id !== boot.nodeFile.node_id);
  if (members.length === 0) return;
  const names = members.map((member) => member.name).join(', ');
  throw new BootError(
    `${dataDir}/node.json says that this node is single, but its state knows the members ${names}: ` +
      'it is an old copy; set "mode" to "raft" in it',
  );
}

export interface JoinerDeps {
  readonly client: PeerClient;
  readonly members: readonly PeerTarget[];
  readonly installFrom: (peer: PeerTarget, replacing: boolean) => Promise<boolean>;
  readonly journal: Journal;
  readonly applier: Applier;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/** An admitted node becomes a learner: from a member it gets its place in Raft, and the state that the log may not hold any more. */
export async function openAsJoiner(deps: JoinerDeps): Promise<void> {
  const { client, members, installFrom, journal, applier, logger, signal } = deps;
  const { ticket, from } = await requestLearnerTicket({
    client,
    members,
    timeoutMs: LEARNER_WAIT_MS,
    signal,
    onWait: (why) => logger.info({ why }, 'waiting to be added as a learner'),
  });
  await installFrom(from, false);
  logger.info({ index: applier.position.index, tip: ticket.tip_index }, 'join: learner');
  await journal.openRaft({ cluster: ticket.initial_cluster, state: 'existing' });
}
