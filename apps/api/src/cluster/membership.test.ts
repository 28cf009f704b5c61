import type { Member } from '@quorate/shared/cluster';
import { describe, expect, it } from 'vitest';
import { previewRemoval } from './membership';

const member = (id: number, change: Partial<Member> = {}): Member => ({
  id,
  name: `n${id}`,
  self: id === 1,
  leader: id === 1,
  drained: false,
  suffrage: 'voter',
  health: 'healthy',
  health_detail: '',
  cluster_address: `10.0.0.${id}:7000`,
  raft_peer_address: `10.0.0.${id}:7001`,
  raft_client_address: `10.0.0.${id}:7002`,
  api_url: `https://10.0.0.${id}:8440`,
  applied_index: 10,
  lag: 0,
  version: '0.1.0',
  etcd_version: '3.4.23',
  round_trip_ms: 1,
  clock_offset_ms: 0,
  last_seen_at: null,
  joined_at: '2030-01-01T00:00:00Z',
  certificate_expires_at: null,
  ...change,
});
const down = { health: 'unreachable' } as const;

describe('the preview of a removal', () => {
  it('refuses what would lose the quorum, and a member that does not answer unless it is forced', () => {
    const three = [member(1), member(2), member(3, down)];
    const plain = { force: false, held: true };
    expect(previewRemoval(three, 2, plain).refusal?.code).toBe('quorum_would_be_lost');
    expect(previewRemoval(three, 3, plain).refusal?.code).toBe('member_unhealthy');
    expect(previewRemoval(three, 3, { ...plain, force: true }).refusal).toBeNull();
    expect(previewRemoval([member(1)], 1, plain).refusal?.code).toBe('quorum_would_be_lost');
    expect(() => previewRemoval(three, 9, plain)).toThrow(/there is no member 9/);
  });
  it('says once what is left after it, and what to do when nobody else is there', () => {
    const warnings = (count: number) => {
      const members = Array.from({ length: count }, (_, at) => member(at + 1));
      return previewRemoval(members, count, { force: false, held: true }).warnings;
    };
    expect(warnings(2)).toEqual(['afterwards no further voter may fail: add a node soon']);
    expect(warnings(3)).toEqual(['afterwards no further voter may fail: add a node soon']);
    expect(warnings(4)).toEqual([]);
    expect(warnings(5)).toEqual(['4 voters tolerate no more failures than 3: add a node afterwards']);
    const refused = previewRemoval([member(1), member(2, down), member(3)], 3, { force: false, held: true });
    expect(refused).toMatchObject({ allowed: false, warnings: [] });
    const alone = previewRemoval([member(1)], 1, { force: false, held: true });
    expect(alone.refusal?.detail).toBe('n1 is the only voter: let another node join first');
  });
  it('does not promise what needs a quorum while there is none, not even by force', () => {
    const two = [member(1), member(2, down), member(3, { suffrage: 'learner' })];
    for (const id of [2, 3]) {
      const { allowed, refusal } = previewRemoval(two, id, { force: true, held: false });
      expect(allowed).toBe(false);
      expect(refusal).toMatchObject({ code: 'no_quorum', detail: expect.stringMatching(/quorated recover/) });
    }
  });
});
