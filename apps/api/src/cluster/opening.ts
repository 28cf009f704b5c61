import type { StateDb } from '../db/state-store';
import type { Clock } from '../lib/clock';
import type { Logger } from '../lib/logger';
import type { Applier } from '../replication/applier';
import type { Proposer } from '../replication/proposer';
import type { advertisedAddresses } from './addresses';
import { type Boot, BootError } from './boot';
import { discardJournal, isJournalLost } from './damage/journal';
import { proposeFounder, proposeFounding } from './founding';
import type { Journal } from './journal';
import { requestLearnerTicket } from './learners';
import { liveMembers } from './members/admission';
import type { PeerClient, PeerTarget } from './peer-client';
import type { NodeFile } from './pki/node-file';

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
  readonly lost?: boolean;
}

/**
 * Opens the log of a member: an admitted one becomes a learner, and so does one whose journal is gone or damaged.
 * @throws BootError it is lost and there is nobody to fetch it from
 */
export async function openMember(
  deps: JoinerDeps & {
    readonly stage: NodeFile['stage'];
    readonly dataDir: string;
    /** The etcd is the operator's: there is no journal here. */
    readonly external: boolean;
    /** Whether the others say that this node is out. */
    readonly isOut: () => Promise<boolean>;
    readonly clock: Clock;
  },
): Promise<void> {
  const { stage, dataDir, journal, members, logger } = deps;
  if (stage === 'admitted') return openAsJoiner(deps);
  if (await deps.isOut()) return;
  if (deps.external || !isJournalLost(dataDir)) return journal.openRaft({ cluster: '', state: 'existing' });
  if (members.length === 0) {
    throw new BootError(
      `the journal in ${dataDir}/raft is gone or damaged, and no other member has it; make a new one from the state: ` +
        'quorated recover',
    );
  }
  const aside = discardJournal(dataDir, deps.clock());
  logger.error({ aside }, 'the journal of this node is gone or damaged; it is fetched from the other members');
  await openAsJoiner({ ...deps, lost: true });
}

/** An admitted node becomes a learner: from a member it gets its place in Raft, and the state that the log may not hold any more. */
async function openAsJoiner(deps: JoinerDeps): Promise<void> {
  const { client, members, installFrom, journal, applier, logger, signal } = deps;
  const { ticket, from } = await requestLearnerTicket({
    client,
    members,
    timeoutMs: LEARNER_WAIT_MS,
    signal,
    lost: deps.lost ?? false,
    onWait: (why) => logger.info({ why }, 'waiting to be added as a learner'),
  });
  await installFrom(from, false);
  logger.info({ index: applier.position.index, tip: ticket.tip_index }, 'join: learner');
  await journal.openRaft({ cluster: ticket.initial_cluster, state: 'existing' });
}
