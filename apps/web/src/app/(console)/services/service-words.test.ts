import type { Service } from '@quorate/shared/services';
import { expect, it } from 'vitest';
import { failureOf, type Replica, reasonsOf, spreadOf, stateOf } from './service-words';

const replica = (slot: number, state: Replica['state'], runner: string | null = 'a', reason = ''): Replica =>
  ({ slot, state, runner, reason, runner_online: runner !== null }) as Replica;
const stranded = (slot: number, state: Replica['state'], reason = ''): Replica => ({
  ...replica(slot, state, 'gone', reason),
  runner_online: false,
});

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
      healthy: instances.filter((one) => one.state === 'healthy' && one.runner_online).length,
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
  ['stranded', service(2, [replica(0, 'healthy'), stranded(1, 'healthy')])],
  ['stranded', service(2, [stranded(0, 'backing_off'), replica(1, 'pending', null)])],
  ['failing', service(2, [replica(0, 'backing_off'), stranded(1, 'healthy')])],
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

it('takes what an offline runner told last for no health', () => {
  const instances = [replica(0, 'healthy', 'a'), stranded(1, 'healthy', 'its runner is offline')];
  expect(spreadOf(instances)).toEqual([
    { runner: 'a', count: 1, healthy: 1 },
    { runner: 'gone', count: 1, healthy: 0 },
  ]);
  expect(reasonsOf(instances)).toEqual([{ reason: 'its runner is offline', count: 1 }]);
});

it('leaves out of a failure when its replica was to begin again', () => {
  const detail = 'replica 0 does not stay up: exit 1 (failure 4 in a row; next start at 20:10:52Z)';
  expect(failureOf(detail)).toBe('replica 0 does not stay up: exit 1');
});
