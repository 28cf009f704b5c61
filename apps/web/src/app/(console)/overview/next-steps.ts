import type { Alarm, AlarmCode } from '@quorate/shared/alarms';
import type { Cluster } from '@quorate/shared/cluster';
import type { Join } from '@quorate/shared/joins';
import { alarmPlace } from '../../../lib/alarm-place';
import { asSentence, plural } from '../../../lib/format';
import { failureOf, isStranded, reasonsOf, stateOf } from '../services/service-words';
import type { Work } from './use-work';

export interface NextStep {
  key: string;
  tone: 'bad' | 'warn' | 'info';
  title: string;
  text: string;
  link?: { href: string; label: string };
}

const URGENCY = { bad: 0, warn: 1, info: 2 } as const;
const byUrgency = (a: NextStep, b: NextStep): number => URGENCY[a.tone] - URGENCY[b.tone];

const CERTIFICATE_WARNING_MS = 14 * 86_400_000;
const CLOCK_WARNING_MS = 500;
const MAX_MEMBERS_NAMED = 3;
const MAX_SERVICES_NAMED = 3;

const memberLink = (name: string) => ({ href: `/members?q=${encodeURIComponent(name)}`, label: 'Show member' });
const mintLink = { href: '/join-tokens?mint=true', label: 'Mint a join token' };

function failingMembers(cluster: Cluster): NextStep[] {
  return cluster.members
    .filter((member) => member.health === 'unhealthy' || member.health === 'unreachable')
    .slice(0, MAX_MEMBERS_NAMED)
    .map((member) => ({
      key: `member-${member.id}`,
      tone: 'bad',
      title: `${member.name} is ${member.health}`,
      text: `${asSentence(member.health_detail)} Bring it back, or replace it if it is gone for good.`.trim(),
      link: memberLink(member.name),
    }));
}

function sizeStep(cluster: Cluster): NextStep[] {
  const { voters } = cluster.quorum;
  if (cluster.mode === 'single') {
    const text = 'One node survives no failure. Mint a join token and run its command on a second and a third host.';
    return [{ key: 'grow', tone: 'info', title: 'Grow to three nodes', text, link: mintLink }];
  }
  // A learner on its way will change the count by itself.
  if (cluster.members.some((member) => member.suffrage !== 'voter')) return [];
  if (voters === 2) {
    const text = 'Two voters need both to answer, so the cluster is no safer than one node yet.';
    return [{ key: 'third', tone: 'warn', title: '2 voters tolerate no failure: add a third', text, link: mintLink }];
  }
  if (voters > 2 && voters % 2 === 0) {
    const text = `It survives as many failures as ${voters - 1} voters do, and needs one more to agree.`;
    return [{ key: 'odd', tone: 'info', title: `${voters} voters are an even number`, text, link: mintLink }];
  }
  return [];
}

function danglingJoins(joins: readonly Join[]): NextStep[] {
  return joins
    .filter((join) => join.state === 'dangling')
    .map((join) => ({
      key: `join-${join.node_id}`,
      tone: 'warn',
      title: `${join.node_name} never finished joining`,
      text: asSentence(join.detail) || 'Run the join command again on that host, or remove the member.',
      link: memberLink(join.node_name),
    }));
}

function certificates(cluster: Cluster, nowMs: number): NextStep[] {
  const ending = cluster.members.filter(
    ({ certificate_expires_at: at }) => at !== null && Date.parse(at) - nowMs < CERTIFICATE_WARNING_MS,
  );
  if (ending.length === 0) return [];
  const names = ending.map((member) => member.name).join(', ');
  const text = `${names}: rotation is automatic, so look at the node's log for why it has not happened.`;
  const title = `${plural(ending.length, 'certificate')} about to expire`;
  return [{ key: 'certificates', tone: 'warn', title, text }];
}

function clocks(cluster: Cluster): NextStep[] {
  const off = cluster.members.filter((member) => Math.abs(member.clock_offset_ms ?? 0) > CLOCK_WARNING_MS);
  if (off.length === 0) return [];
  const text = `${off.map((member) => member.name).join(', ')}: certificates and tokens depend on the time. Set up NTP.`;
  return [{ key: 'clocks', tone: 'warn', title: 'Clocks differ', text }];
}

function versions({ upgrade }: Cluster): NextStep[] {
  if (!upgrade) return [];
  const link = upgrade.next ? memberLink(upgrade.next.name) : { href: '/members', label: 'Members' };
  const title = `Finish the upgrade to ${upgrade.to}: ${plural(upgrade.remaining, 'member')} to go`;
  return [{ key: 'versions', tone: 'info', title, text: upgrade.sentence, link }];
}

/** Alarms that the sentence on the quorum or the steps below say in their own words. */
const SAID_ELSEWHERE: readonly AlarmCode[] = [
  'quorum_at_risk',
  'quorum_lost',
  'member_down',
  'certificate_expiring',
  'clock_offset',
];

function standingAlarms(alarms: readonly Alarm[]): NextStep[] {
  return alarms
    .filter(({ code }) => !SAID_ELSEWHERE.includes(code))
    .map((alarm) => {
      const link = alarmPlace(alarm);
      return {
        key: `alarm-${alarm.code}-${alarm.node_id}-${alarm.subject}`,
        tone: alarm.severity === 'critical' ? 'bad' : 'warn',
        title: asSentence(alarm.message),
        text: asSentence(alarm.cure),
        ...(link ? { link } : {}),
      };
    });
}

function backups({ backups: { last_at: lastAt, failed_since: failed, scheduled } }: Cluster): NextStep[] {
  const link = { href: '/backups', label: 'Backups' };
  if (failed > 0) {
    const title = `${plural(failed, 'backup')} failed${lastAt === null ? '' : ' since the last good one'}`;
    return [{ key: 'backups-failed', tone: 'warn', title, text: 'The list of backups says why.', link }];
  }
  if (scheduled) return [];
  const settings = { href: '/backups?tab=schedule', label: 'Set a schedule' };
  if (lastAt !== null) {
    const text = 'The last one was made by hand. A schedule keeps them coming, and removes old ones.';
    return [{ key: 'schedule', tone: 'info', title: 'Schedule backups', text, link: settings }];
  }
  const text = 'Replication repeats a mistake on every node; a backup undoes it. Make one, and set a schedule.';
  return [{ key: 'first-backup', tone: 'info', title: 'Make a first backup', text, link }];
}

function offlineRunners({ runners }: Work): NextStep[] {
  // A node that is down is told of by itself; its embedded runner adds nothing.
  const offline = runners.filter(({ status, node_id }) => status === 'offline' && node_id === null);
  if (offline.length === 0) return [];
  const names = offline.map(({ name }) => name);
  const title = names.length === 1 ? `The runner ${names[0]} is offline` : `${names.length} runners are offline`;
  const text = `${names.length === 1 ? 'Bring its host back' : `${names.join(', ')}: bring the hosts back`}, or remove what is gone for good.`;
  const link = { href: '/runners?show=offline', label: 'Show offline runners' };
  return [{ key: 'runners-offline', tone: 'warn', title, text, link }];
}

function failingRunners({ runners }: Work): NextStep[] {
  const failing = runners.filter(({ status, problem }) => status === 'online' && problem !== '');
  const [first, ...others] = failing;
  if (!first) return [];
  const title =
    others.length === 0 ? `The runner ${first.name} can begin no job` : `${failing.length} runners can begin no job`;
  const reasons =
    others.length === 0 ? first.problem : failing.map(({ name, problem }) => `${name}: ${problem}`).join('; ');
  const text = `${asSentence(reasons)} Jobs are given to it again once that is over.`;
  const link = { href: '/runners', label: 'Show runners' };
  return [{ key: 'runners-failing', tone: 'warn', title, text, link }];
}

const SERVICE_TROUBLE = {
  failing: ['bad', 'is failing', 'Its replicas do not become healthy.'],
  rollout_failed: ['bad', 'could not be rolled out', 'Its replicas do not become healthy.'],
  waiting: ['warn', 'has replicas that wait for room', 'No runner has room for them.'],
  rolled_back: ['warn', 'was rolled back', 'Its last revision did not become healthy.'],
} as const;

function troubledServices({ services }: Work): NextStep[] {
  return services
    .flatMap((service): NextStep[] => {
      const state = stateOf(service);
      if (!(state in SERVICE_TROUBLE)) return [];
      const [tone, what, otherwise] = SERVICE_TROUBLE[state as keyof typeof SERVICE_TROUBLE];
      const text = asSentence(
        reasonsOf(service.instances)[0]?.reason || failureOf(service.rollout.detail) || otherwise,
      );
      const link = { href: `/services?service=${encodeURIComponent(service.name)}`, label: 'Show the service' };
      return [{ key: `service-${service.name}`, tone, title: `${service.name} ${what}`, text, link }];
    })
    .sort(byUrgency)
    .slice(0, MAX_SERVICES_NAMED);
}

/** Replicas whose runner is offline: they go elsewhere by themselves, or something stands against it. */
function strandedReplicas({ services }: Work, nowMs: number): NextStep[] {
  const stranded = services.flatMap(({ instances }) => instances.filter(isStranded)).filter(({ moves_at }) => moves_at);
  const due = stranded.filter(({ moves_at: at }) => at !== null && Date.parse(at) <= nowMs);
  const first = due[0] ?? stranded[0];
  if (!first) return [];
  const link = { href: '/ha', label: 'Show the moves' };
  const runners = [...new Set(stranded.map(({ runner }) => runner))].join(', ');
  const title = `${plural(stranded.length, 'replica')} out of reach on ${runners}`;
  const cure = due.length > 0 ? ' Bring it back, or make room on another.' : '';
  return [{ key: 'stranded', tone: 'warn', title, text: `${asSentence(first.reason)}${cure}`, link }];
}

function balancers({ balancers: items }: Work): NextStep[] {
  const link = { href: '/load-balancer?tab=balancers', label: 'Show the load balancers' };
  const namesOf = (status: 'failing' | 'silent') =>
    items.filter((one) => one.status === status).map(({ name }) => name);
  const steps = [
    ['failing', 'bad', 'Load balancer without the newest configuration', 'Its servers may be out of date.'],
    [
      'silent',
      'warn',
      'Load balancer not heard from',
      'See whether quorate haproxy watch runs on its host and reaches a node.',
    ],
  ] as const;
  return steps.flatMap(([status, tone, what, text]) => {
    const names = namesOf(status);
    return names.length === 0
      ? []
      : [{ key: `balancer-${status}`, tone, title: `${what}: ${names.join(', ')}`, text, link }];
  });
}

function deadLetters({ jobs: { dead_letters: dead } }: Work): NextStep[] {
  if (dead === 0) return [];
  const title = `${plural(dead, 'job')} failed for good`;
  const text = 'Their attempts are used up. Look why, and retry them.';
  return [
    { key: 'dead-letters', tone: 'info', title, text, link: { href: '/jobs?state=failed', label: 'Dead letters' } },
  ];
}

/** What an operator should do next, most urgent first. Empty = nothing. */
export function nextSteps(
  cluster: Cluster,
  joins: readonly Join[],
  nowMs: number,
  alarms: readonly Alarm[] = [],
  work?: Work,
): NextStep[] {
  return [
    ...standingAlarms(alarms),
    ...failingMembers(cluster),
    ...danglingJoins(joins),
    ...(work
      ? [
          ...offlineRunners(work),
          ...failingRunners(work),
          ...strandedReplicas(work, nowMs),
          ...troubledServices(work),
          ...balancers(work),
        ]
      : []),
    ...sizeStep(cluster),
    ...certificates(cluster, nowMs),
    ...clocks(cluster),
    ...versions(cluster),
    ...backups(cluster),
    ...(work ? deadLetters(work) : []),
  ].sort(byUrgency);
}
