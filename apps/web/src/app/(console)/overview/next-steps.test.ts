import type { Cluster, Member } from '@quorate/shared/cluster';
import { expect, it } from 'vitest';
import { nextSteps } from './next-steps';
import type { Work } from './use-work';

const NOW = Date.parse('2026-03-01T12:00:00Z');
const FAR = '2030-01-01T00:00:00Z';

const member = (id: number, change: Partial<Member> = {}): Member => ({
  id,
  name: `node-${id}`,
  self: id === 1,
  leader: id === 1,
  suffrage: 'voter',
  drained: false,
  health: 'healthy',
  health_detail: '',
  cluster_address: `10.0.0.${id}:7000`,
  raft_peer_address: '',
  raft_client_address: '',
  api_url: '',
  applied_index: 1,
  lag: 0,
  version: '0.1.0',
  etcd_version: null,
  round_trip_ms: 1,
  clock_offset_ms: 0,
  last_seen_at: FAR,
  joined_at: FAR,
  certificate_expires_at: FAR,
  ...change,
});

function cluster(members: Member[], change: Partial<Cluster> = {}): Cluster {
  const voters = members.filter((candidate) => candidate.suffrage === 'voter').length;
  const needed = Math.floor(voters / 2) + 1;
  return {
    id: '00000000-0000-4000-8000-000000000001',
    name: 'test',
    mode: members.length === 1 ? 'single' : 'raft',
    external_etcd: false,
    growing: false,
    node_id: 1,
    leader_id: 1,
    term: 1,
    epoch: 1,
    applied_index: 1,
    tip_index: 1,
    quorum: {
      voters,
      needed,
      healthy: voters,
      tolerated: voters - needed,
      held: true,
      sentence: '',
      advice: '',
      table: [],
    },
    version: '0.1.0',
    oldest_version: '0.1.0',
    upgrade: null,
    ca_fingerprint: `sha256:${'0'.repeat(64)}`,
    ca_expires_at: FAR,
    started_at: FAR,
    backups: { last_at: FAR, failed_since: 0, scheduled: true },
    members,
    ...change,
  };
}

const keys = (value: Cluster) => nextSteps(value, [], NOW).map((step) => step.key);

it.each([
  [1, ['grow']],
  [2, ['third']],
  [3, []],
  [4, ['odd']],
  [5, []],
])('%i healthy voters → %j', (count, expected) => {
  expect(keys(cluster(Array.from({ length: count }, (_, at) => member(at + 1))))).toEqual(expected);
});

it.each([
  [{ last_at: null, failed_since: 0, scheduled: false }, ['first-backup']],
  [{ last_at: null, failed_since: 0, scheduled: true }, []],
  [{ last_at: null, failed_since: 1, scheduled: true }, ['backups-failed']],
  [{ last_at: FAR, failed_since: 2, scheduled: true }, ['backups-failed']],
  [{ last_at: FAR, failed_since: 0, scheduled: false }, ['schedule']],
])('backups %j → %j', (backups, expected) => {
  expect(keys(cluster([member(1), member(2), member(3)], { backups }))).toEqual(expected);
});

it('does not ask for a third while one is on its way', () => {
  expect(keys(cluster([member(1), member(2), member(3, { suffrage: 'learner' })]))).toEqual([]);
});

it('names failing members first, then what ends or differs', () => {
  const members = [
    member(1, { certificate_expires_at: '2026-03-05T00:00:00Z' }),
    member(2, { clock_offset_ms: -900 }),
    member(3, { health: 'unreachable', health_detail: 'no answer' }),
  ];
  const upgrade = { from: '0.0.9', to: '0.1.0', next: { id: 2, name: 'n2' }, remaining: 1, sentence: 'Next: n2.' };
  expect(keys(cluster(members, { upgrade }))).toEqual(['member-3', 'certificates', 'clocks', 'versions']);
});

it('puts alarms first, but for those that it says in its own words', () => {
  const alarm = {
    node_id: 1,
    subject: '',
    message: 'the disk is full',
    cure: 'free space',
    since: FAR,
    clearable: false,
  };
  const steps = nextSteps(cluster([member(1), member(2), member(3)]), [], NOW, [
    { ...alarm, code: 'disk_low', severity: 'critical' },
    { ...alarm, code: 'clock_offset', severity: 'warning' },
    // The sentence above the page says it already.
    { ...alarm, code: 'quorum_at_risk', severity: 'critical' },
    { ...alarm, code: 'backup_overdue', severity: 'warning', message: 'no backup', cure: 'look why' },
  ]);
  expect(steps).toEqual([
    { key: 'alarm-disk_low-1-', tone: 'bad', title: 'The disk is full.', text: 'Free space.' },
    {
      key: 'alarm-backup_overdue-1-',
      tone: 'warn',
      title: 'No backup.',
      text: 'Look why.',
      link: { href: '/backups', label: 'Backups' },
    },
  ]);
});

it('names what the cluster runs badly, and no runner of a node that is named already', () => {
  const runner = { name: 'r1', node_id: null, status: 'offline' };
  const replicas = { desired: 1, placed: 0, healthy: 0 };
  const service = { name: 'web', replicas, revision: 1, rollout: { state: 'idle', detail: '' } };
  const waiting = { ...service, instances: [{ state: 'pending', runner: null, reason: 'no runner has its labels' }] };
  const work = {
    runners: [
      runner,
      { ...runner, name: 'n3', node_id: 3 },
      { ...runner, name: 'r2', status: 'online', problem: 'no space is left' },
    ],
    services: [waiting, { ...service, name: 'off', replicas: { desired: 0, placed: 0, healthy: 0 }, instances: [] }],
    jobs: { dead_letters: 2 },
    balancers: [],
  } as unknown as Work;
  const steps = nextSteps(cluster([member(1), member(2), member(3)]), [], NOW, [], work);
  expect(steps.map(({ key, text }) => [key, text])).toEqual([
    ['runners-offline', 'Bring its host back, or remove what is gone for good.'],
    ['runners-failing', 'No space is left. Jobs are given to it again once that is over.'],
    ['service-web', 'No runner has its labels.'],
    ['dead-letters', 'Their attempts are used up. Look why, and retry them.'],
  ]);
});

it('puts what is bad first, tells of moves once, and of load balancers', () => {
  const replica = { state: 'healthy', runner: 'r1', runner_online: false, reason: 'its runner r1 is offline' };
  const moves = (at: number) => ({ ...replica, moves_at: new Date(NOW + at).toISOString() });
  const service = {
    revision: 1,
    rollout: { state: 'idle', detail: '' },
    replicas: { desired: 2, placed: 2, healthy: 0 },
  };
  const failing = { state: 'backing_off', runner: 'r2', runner_online: true, reason: 'exit 1', moves_at: null };
  const work = {
    runners: [],
    services: [
      { ...service, name: 'a', instances: [moves(5_000), moves(5_000)] },
      { ...service, name: 'c', instances: [failing] },
    ],
    jobs: { dead_letters: 0 },
    balancers: [
      { name: 'lb-1', status: 'current' },
      { name: 'lb-2', status: 'silent' },
      { name: 'lb-3', status: 'failing' },
    ],
  };
  const stepsAt = (now: number) => nextSteps(cluster([member(1), member(2), member(3)]), [], now, [], work as never);
  expect(stepsAt(NOW).map(({ key }) => key)).toEqual(['service-c', 'balancer-failing', 'stranded', 'balancer-silent']);
  const stranded = (now: number) => stepsAt(now).find(({ key }) => key === 'stranded');
  expect(stranded(NOW)).toMatchObject({
    title: '2 replicas out of reach on r1',
    text: 'Its runner r1 is offline.',
  });
  expect(stranded(NOW + 9_000)?.text).toBe('Its runner r1 is offline. Bring it back, or make room on another.');
});
