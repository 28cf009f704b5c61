import type { Service } from '@quorate/shared/services';
import { expect, it } from 'vitest';
import { type Replica, reasonsOf, spreadOf, stateOf } from './service-words';

const replica = (slot: number, state: Replica['state'], runner: string | null = 'a', reason = ''): Replica =>
  ({ slot, state, runner, reason }) as Replica;

const service = (
  desired: number,
  instances: Replica[],
  rollout: Service['rollout']['state'] = 'idle',
  revision = 2,
): Service =>
  ({
    replicas: {
      desired,
      placed: instances.filter(({ runner }) => runner !== null).length,
      healthy: instances.filter(({ state }) => state === 'healthy').length,
    },
    revision,
    rollout: { state: rollout },
    instances,
  }) as Service;

it.each<[string, Service]>([
  ['running', service(1, [replica(0, 'healthy')])],
  ['stopped', service(0, [])],
  ['stopping', service(0, [replica(0, 'stopping')])],
  ['starting', service(2, [replica(0, 'healthy'), replica(1, 'starting')])],
  ['waiting', service(2, [replica(0, 'starting'), replica(1, 'pending', null)])],
  ['failing', service(2, [replica(0, 'backing_off'), replica(1, 'pending', null)])],
  ['rolling', service(1, [replica(0, 'backing_off')], 'running')],
  ['waiting', service(1, [replica(0, 'pending', null)], 'running', 1)],
  ['rollout_failed', service(1, [replica(0, 'healthy')], 'failed')],
  ['rolled_back', service(1, [replica(0, 'healthy')], 'rolled_back')],
  ['failing', service(1, [replica(0, 'unhealthy')], 'rolled_back')],
])('says %s', (state, value) => {
  expect(stateOf(value)).toBe(state);
});

it('counts replicas by runner and reasons by how often they are given', () => {
  const instances = [
    replica(0, 'healthy', 'b'),
    replica(1, 'starting', 'b'),
    replica(2, 'healthy', 'a'),
    replica(3, 'pending', null, 'no room'),
    replica(4, 'pending', null, 'no room'),
    replica(5, 'backing_off', 'a', 'exit 1'),
  ];
  expect(spreadOf(instances)).toEqual([
    { runner: null, count: 2, healthy: 0 },
    { runner: 'a', count: 2, healthy: 1 },
    { runner: 'b', count: 2, healthy: 1 },
  ]);
  expect(reasonsOf(instances)).toEqual([
    { reason: 'no room', count: 2 },
    { reason: 'exit 1', count: 1 },
  ]);
});
