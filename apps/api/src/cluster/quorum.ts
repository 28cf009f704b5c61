import type { Quorum } from '@quorate/shared/cluster';

export interface QuorumCount {
  readonly voters: number;
  readonly needed: number;
  readonly healthy: number;
  /** Further voters that may fail; negative when too many have failed already. */
  readonly tolerated: number;
}

/** More voters make writes slower and no failure likelier survived. */
export const MAX_VOTERS = 7;

/** Raft's arithmetic: a majority of the voters, whatever their number. With an etcd of the operator, any one node does. */
export function countQuorum(voters: number, healthy: number, external = false): QuorumCount {
  const needed = external ? 1 : Math.floor(voters / 2) + 1;
  return { voters, needed, healthy, tolerated: healthy - needed };
}

/** What each number of voters needs and survives. */
export const QUORUM_TABLE = Array.from({ length: MAX_VOTERS }, (_, n) => {
  const { voters, needed, tolerated } = countQuorum(n + 1, n + 1);
  return { voters, needed, tolerated };
});

const plural = (n: number, word: string): string => `${n} ${word}${n === 1 ? '' : 's'}`;

export interface QuorumSituation {
  readonly mode: 'single' | 'raft';
  /** The log is in an etcd of the operator. */
  readonly external: boolean;
  readonly voters: number;
  readonly healthy: number;
  readonly learners: number;
  /** What the engine says: there is a leader that this node can reach. */
  readonly hasLeader: boolean;
  readonly downNames: readonly string[];
}

/** Says in one sentence what holds, and in another what to do about it. */
export const describeQuorum = (situation: QuorumSituation): Quorum => ({
  ...describe(situation),
  // Their number decides nothing where etcd is the operator's.
  table: situation.external ? [] : QUORUM_TABLE,
});

function describe(situation: QuorumSituation): Omit<Quorum, 'table'> {
  const { mode, external, voters, healthy, hasLeader } = situation;
  const count = countQuorum(voters, healthy, external);
  if (mode === 'single') {
    return {
      ...count,
      held: true,
      sentence: 'One node on the embedded log: every write is on disk here, and only here.',
      advice: 'Mint a join token and add two nodes to survive the loss of one.',
    };
  }
  if (external) return describeExternal(situation, count);
  const held = hasLeader && count.tolerated >= 0;
  if (!held) return { ...count, held, ...lostQuorum(situation, count) };
  const base = `${healthy} of ${plural(voters, 'voter')} healthy, ${count.needed} needed`;
  if (count.tolerated === 0) {
    const sentence = `${base}: writes work, but no further voter may fail.`;
    return { ...count, held, sentence, advice: adviceAtLimit(situation) };
  }
  const sentence = `${base}: ${plural(count.tolerated, 'more voter')} may fail without stopping writes.`;
  return { ...count, held, sentence, advice: adviceWhenSafe(situation) };
}

/** Whether writes work is up to that etcd; which of our nodes are up decides only who serves. */
function describeExternal({ voters, healthy, hasLeader, downNames }: QuorumSituation, count: QuorumCount) {
  if (!hasLeader) {
    return {
      ...count,
      held: false,
      sentence: 'The etcd of the operator does not answer or has no leader. Reads go on, writes are refused.',
      advice: 'Bring that etcd back (raft.endpoints); nothing that was acknowledged is lost.',
    };
  }
  const down = downNames.length > 0 ? `Bring ${downNames.join(', ')} back, or remove it.` : '';
  const advice =
    voters === 1 ? 'Mint a join token and add a node, so that one is left to serve when this one fails.' : down;
  const sentence = `${healthy} of ${plural(voters, 'node')} healthy; the log is in an etcd of the operator, which keeps the quorum.`;
  return { ...count, held: count.tolerated >= 0, sentence, advice };
}

function lostQuorum(situation: QuorumSituation, count: QuorumCount): { sentence: string; advice: string } {
  const { voters, healthy, downNames } = situation;
  if (count.tolerated >= 0) {
    return {
      sentence: 'No leader at the moment: writes wait until the voters have elected one.',
      advice: 'An election takes well under a second; if this stays, check the network between the members.',
    };
  }
  const missing = -count.tolerated;
  const names = downNames.length > 0 ? ` (down: ${downNames.join(', ')})` : '';
  return {
    sentence: `Quorum lost: ${healthy} of ${plural(voters, 'voter')} reachable, ${count.needed} needed. Reads go on, writes are refused.`,
    advice: `Bring ${missing === 1 ? 'one of the missing voters' : `${missing} of the missing voters`} back${names}; nothing that was acknowledged is lost. Where they are gone for good: quorated recover, on the best survivor.`,
  };
}

function adviceAtLimit({ voters, learners, downNames }: QuorumSituation): string {
  if (downNames.length > 0) return `Bring ${downNames.join(', ')} back, or remove and replace it.`;
  if (learners > 0) return 'A learner is catching up; it becomes a voter by itself.';
  if (voters === 1) return 'Mint a join token and add two nodes to survive the loss of one.';
  return 'An even number of voters tolerates no more than one fewer: add one more node.';
}

function adviceWhenSafe({ voters, downNames }: QuorumSituation): string {
  if (downNames.length > 0) return `Bring ${downNames.join(', ')} back, or remove and replace it.`;
  if (voters % 2 === 0) return 'An even number of voters tolerates no more failures than one fewer: add or remove one.';
  return '';
}
