import type { Applier } from '../replication/applier';
import type { HealthCheck } from '../resources/health/routes';
import type { ClockGuard } from './clock-guard';
import type { Journal } from './journal';
import type { ClusterView } from './view';
import { quorumOf } from './view';

/** Entries behind the tip beyond which a node should get no traffic. */
const MAX_LAG = 5_000;

export interface ReadinessDeps {
  readonly journal: Journal;
  readonly view: ClusterView;
  readonly clockGuard: ClockGuard;
}

/** What `/readyz` checks: enough to decide whether a load balancer should send requests here. */
export function readinessChecks({ journal, view, clockGuard }: ReadinessDeps, applier: Applier): HealthCheck[] {
  const log: HealthCheck = { name: 'log', ok: journal.health === 'ok', detail: LOG_DETAIL[journal.health] };
  const full = applier.diskFull;
  const disk: HealthCheck = { name: 'disk', ok: full === undefined, detail: full?.message ?? 'has room' };
  const self = view.members().find((member) => member.self);
  if (journal.mode === 'single') return [log, disk];
  const lag = self?.lag ?? 0;
  const misdated = clockGuard.refusal();
  const quorum = quorumOf(view.members(), journal);
  return [
    log,
    disk,
    {
      name: 'quorum',
      ok: journal.quorumHeld(),
      detail: quorum.sentence,
    },
    { name: 'lag', ok: lag <= MAX_LAG, detail: `${lag} entries behind the tip` },
    {
      name: 'membership',
      ok: self?.suffrage === 'voter',
      detail: self ? `this node is a ${self.suffrage}` : 'this node is not a member any more',
    },
    { name: 'clock', ok: misdated === undefined, detail: misdated?.message ?? 'in step with the other members' },
    {
      name: 'service',
      ok: self?.drained !== true,
      detail: self?.drained ? 'drained for maintenance; quorate cluster resume puts it back' : 'in service',
    },
  ];
}

const LOG_DETAIL: Record<Journal['health'], string> = {
  ok: 'open',
  starting: 'not open yet: waiting for a quorum of voters',
  diverged: 'its state is damaged or differs from the others: taking that of a healthy member',
  resyncing: 'behind the retained log: fetching the state from a peer',
  upgrade_required: 'holds commands of a newer version: upgrade this node',
  removed: 'this node was removed from the cluster',
};
