import { describe, expect, it } from 'vitest';
import { planMembership } from './promotion';

const row = (id: number, state: string, host = `n${id}`) => ({ id, state, raftPeerAddress: `${host}:7001` });
const member = (id: string, name: string, host: string, isLearner: boolean) => ({
  id,
  name,
  peer_urls: [`https://${host}:7001`],
  is_learner: isLearner,
});

describe('planMembership', () => {
  it('promotes a learner once it has been at the tip for a while', () => {
    const raft = [member('a', 'node-1', 'n1', false), member('b', 'node-2', 'n2', true)];
    const rows = [row(1, 'voter'), row(2, 'learner')];
    expect(planMembership(rows, raft, new Set())).toEqual([]);
    expect(planMembership(rows, raft, new Set([2]))).toEqual([{ kind: 'promote', nodeId: 2, memberId: 'b' }]);
  });

  it('promotes a node that joined at the address of a removed one', () => {
    const raft = [member('a', 'node-1', 'n1', false), member('c', 'node-3', 'n2', true)];
    const rows = [row(1, 'voter'), row(2, 'removed'), row(3, 'learner', 'n2')];
    expect(planMembership(rows, raft, new Set([3]))).toEqual([{ kind: 'promote', nodeId: 3, memberId: 'c' }]);
  });

  it('records a learner that was added at the address of a removed node and has no name yet', () => {
    const raft = [member('a', 'node-1', 'n1', false), member('c', '', 'n2', true)];
    const rows = [row(1, 'voter'), row(2, 'removed'), row(3, 'joining', 'n2')];
    expect(planMembership(rows, raft, new Set())).toEqual([{ kind: 'record', nodeId: 3, state: 'learner' }]);
  });

  it('finishes a removal and a promotion that were cut short', () => {
    const raft = [member('a', 'node-1', 'n1', false), member('b', 'node-2', 'n2', false), member('c', '', 'n3', true)];
    const rows = [row(1, 'voter'), row(2, 'learner'), row(3, 'removed')];
    expect(planMembership(rows, raft, new Set())).toEqual([
      { kind: 'record', nodeId: 2, state: 'voter' },
      { kind: 'remove', nodeId: 3, memberId: 'c' },
    ]);
  });

  it('finishes the removal of a member whose address another node has by now', () => {
    const raft = [member('a', 'node-1', 'n1', false), member('b', 'node-2', 'n2', false)];
    const rows = [row(1, 'voter'), row(2, 'removed'), row(3, 'joining', 'n2')];
    expect(planMembership(rows, raft, new Set())).toEqual([{ kind: 'remove', nodeId: 2, memberId: 'b' }]);
  });

  it('leaves members alone that the state does not know', () => {
    expect(planMembership([row(1, 'voter')], [member('x', 'foreign', 'x', false)], new Set())).toEqual([]);
  });
});
