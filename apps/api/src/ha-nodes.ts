import { liveMembers } from './cluster/members/admission';
import { setMemberDrained } from './cluster/members/commands';
import type { ClusterRuntime } from './cluster/runtime';
import type { Proposer } from './replication/proposer';
import { createHaCommands } from './work/ha/commands';
import type { HaNodeControl, HaNodes } from './work/ha/nodes';
import { systemProposal } from './work/proposal';

const haNodes: HaNodes = (db) =>
  liveMembers(db)
    .filter(({ state }) => state === 'voter')
    .map(({ id, name, drainedAt }) => ({ id, name, drained: drainedAt !== null }));

/** The commands of HA mode, which counts core nodes. */
export const haCommands = createHaCommands(haNodes);

/** What the update node by node does with core nodes. */
export const createHaControl = (cluster: ClusterRuntime, propose: Proposer['propose']): HaNodeControl => ({
  nodes: haNodes,
  trouble(id) {
    const member = cluster.view.members().find((one) => one.id === id);
    if (member?.health === 'healthy') return undefined;
    return `the node is ${member?.health ?? 'gone'}${member?.health_detail ? `: ${member.health_detail}` : ''}`;
  },
  async setDrained(id, drained) {
    await propose(setMemberDrained, { id, drained }, systemProposal(cluster.nodeId));
  },
});
