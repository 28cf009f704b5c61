import { describe, expect, it } from 'vitest';
import type { Member } from '../members/table';
import { type Candidate, possibleLosses, rankCandidates } from './survivor';

const member = (id: number): Member => ({ id, name: `n${id}`, state: 'voter' }) as Member;

function candidate(nodeId: number, epoch: number, index: number, more: Partial<Candidate> = {}): Candidate {
  const facts = { epoch, index, lastAt: 0, clusterId: 'c', clusterName: 'c', schemaVersion: 1, bytes: 1 };
  return {
    path: `/n${nodeId}`,
    statePath: `/n${nodeId}/state.db`,
    raftDir: undefined,
    nodeId,
    facts,
    chain: `chain-${epoch}-${index}`,
    members: [1, 2, 3].map(member),
    tail: { index, problem: '' },
    ...more,
  };
}
const pathsOf = (list: readonly Candidate[]): string[] => list.map(({ path }) => path);

describe('survivors', () => {
  it('are ranked by epoch, then by how far they can be brought', () => {
    const behind = candidate(1, 2, 10);
    const ahead = candidate(2, 2, 12);
    const journal = candidate(3, 2, 9, { tail: { index: 15, problem: '' } });
    const older = candidate(4, 1, 99);
    expect(pathsOf(rankCandidates([older, behind, ahead, journal]))).toEqual(['/n3', '/n2', '/n1', '/n4']);
    expect(pathsOf(rankCandidates([journal, candidate(1, 2, 15)]))).toEqual(['/n1', '/n3']);
  });

  it('are chosen as in an election: a leader that was cut off has entries that nobody else took', () => {
    const cutOff = candidate(1, 2, 10, { tail: { index: 15, term: 5, problem: '' } });
    const elected = candidate(2, 2, 9, { tail: { index: 12, term: 6, problem: '' } });
    const file = candidate(3, 2, 13);
    expect(pathsOf(rankCandidates([cutOff, elected]))).toEqual(['/n2', '/n1']);
    expect(pathsOf(rankCandidates([cutOff, elected, file]))).toEqual(['/n3', '/n2', '/n1']);
    expect(possibleLosses(elected, [cutOff, elected])).toEqual([]);
    expect(possibleLosses(cutOff, [cutOff, elected]).join()).toMatch(/what \/n2 has of the later Raft term 6/);
  });

  it('lose nothing that was acknowledged when a majority was read', () => {
    const [one, two] = [candidate(1, 2, 12), candidate(2, 2, 10)];
    expect(possibleLosses(one, [one, two])).toEqual([]);
    expect(possibleLosses(two, [one, two])).toEqual(['the entries 11 to 12, which /n1 has']);
  });

  it('may lose the last writes when only a minority was read', () => {
    const one = candidate(1, 2, 12);
    expect(possibleLosses(one, [one]).join()).toMatch(/after entry 12.*n2, n3 could have had them.*1 of 3 voters/);
    // A file from before the last epoch proves nothing about it.
    expect(possibleLosses(one, [one, candidate(2, 1, 40)]).join()).toMatch(/1 of 3 voters/);
  });

  it('say so when a journal could not be read, when histories differ, and when a later epoch is known', () => {
    const one = candidate(1, 2, 12);
    const unread = candidate(2, 2, 10, { tail: { index: 10, problem: 'no such file' } });
    expect(possibleLosses(one, [one, unread]).join()).toMatch(/only in the journals of \/n2.*no such file/);
    const forked = candidate(2, 2, 12, { chain: 'other' });
    expect(possibleLosses(one, [one, forked]).join()).toMatch(/another history at the same index 12/);
    expect(possibleLosses(one, [one, candidate(2, 3, 5)]).join()).toMatch(/everything of epoch 3/);
  });
});
