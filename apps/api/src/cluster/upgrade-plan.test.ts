import type { Member } from '@quorate/shared/cluster';
import { describe, expect, it } from 'vitest';
import { planUpgrade } from './upgrade-plan';

const member = (id: number, version: string, more: Partial<Member> = {}) =>
  ({ id, name: `n${id}`, version, leader: false, health: 'healthy', ...more }) as const;

describe('the plan of an upgrade', () => {
  it('is empty while all members run the same version', () => {
    expect(planUpgrade([member(1, '1.2.0'), member(2, '1.2.0')])).toBeNull();
    expect(planUpgrade([])).toBeNull();
  });

  it('takes the leader last, and counts what remains', () => {
    const first = planUpgrade([member(1, '1.9.0', { leader: true }), member(2, '1.9.0'), member(3, '1.10.0')]);
    expect(first).toMatchObject({ from: '1.9.0', to: '1.10.0', next: { id: 2, name: 'n2' }, remaining: 2 });
    const last = planUpgrade([member(1, '1.9.0', { leader: true }), member(2, '1.10.0'), member(3, '1.10.0')]);
    expect(last).toMatchObject({ next: { id: 1, name: 'n1' }, remaining: 1 });
    expect(last?.sentence).toContain('the leader, comes last');
  });

  it('waits for an upgraded member that is not healthy yet', () => {
    const members = [member(1, '1.0.0'), member(2, '1.0.0'), member(3, '1.1.0', { health: 'unreachable' })];
    expect(planUpgrade(members)).toMatchObject({ next: null, remaining: 2 });
    expect(planUpgrade(members)?.sentence).toContain('Wait until n3 is healthy');
  });
});
