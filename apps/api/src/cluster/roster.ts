import { eq } from 'drizzle-orm';
import type { StateDb } from '../db/state-store';
import type { Applier } from '../replication/applier';
import type { Boot } from './boot';
import { liveMembers } from './members/admission';
import { members } from './members/table';
import type { PeerTarget } from './peer-client';

export interface RosterDeps {
  readonly nodeFile: Boot['nodeFile'];
  readonly db: () => StateDb;
  readonly applier: Applier;
}

/** The other members, and where they can be reached. */
export interface Roster {
  /** Their cluster listeners. */
  readonly targets: () => PeerTarget[];
  /** Client URLs of their etcd. */
  readonly raftClients: () => string[];
  /** The state has this node among the removed ones. */
  readonly wasRemoved: () => boolean;
  /** This node votes and is not drained. */
  readonly isInService: () => boolean;
}

/** Members as the state knows them, or as the join told while the state is still empty. */
export function createRoster({ nodeFile, db, applier }: RosterDeps): Roster {
  function others(): { id: number; clusterAddress: string; raftClientAddress: string }[] {
    const known = liveMembers(db()).filter((member) => member.id !== nodeFile.node_id);
    if (known.length > 0 || applier.position.index > 0) return known;
    return nodeFile.members
      .filter((member) => member.id !== nodeFile.node_id)
      .map((m) => ({ id: m.id, clusterAddress: m.cluster_address, raftClientAddress: m.raft_client_address }));
  }
  const own = () => db().select().from(members).where(eq(members.id, nodeFile.node_id)).get();
  return {
    targets: () => others().map((m) => ({ nodeId: m.id, address: m.clusterAddress })),
    raftClients: () => others().map((m) => m.raftClientAddress),
    wasRemoved: () => own()?.state === 'removed',
    isInService: () => {
      const member = own();
      return member?.state === 'voter' && member.drainedAt === null;
    },
  };
}
