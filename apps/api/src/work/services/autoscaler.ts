import { hasLabels } from '@quorate/shared/runners';
import type { Autoscaling } from '@quorate/shared/services';
import { and, eq, lte } from 'drizzle-orm';
import type { StateDb } from '../../db/state-store';
import type { Clock } from '../../lib/clock';
import type { Reconciler } from '../../reconcile/driver';
import type { Proposer } from '../../replication/proposer';
import { haState } from '../ha/settings';
import { isOpen, jobs } from '../jobs/table';
import { systemProposal } from '../proposal';
import { type Decision, decide, type Load, type Wanted } from './autoscale';
import { autoscale } from './commands';
import { allServices, replicasOf } from './queries';
import type { ServiceRow } from './table';

export interface AutoscalerDeps {
  readonly db: () => StateDb;
  readonly propose: Proposer['propose'];
  readonly nodeId: number;
  readonly isLeader: () => boolean;
  /** What the replicas of a service use, by slot, as their runners last said; of a processor 100. */
  readonly usage: (
    service: string,
  ) => ReadonlyMap<number, { readonly generation: number; readonly cpu_percent: number }>;
  readonly clock: Clock;
  /** Goes on evenly whatever the clock does, ms. */
  readonly monotonic?: () => number;
}

/** What the leader remembers of a service; a new one begins anew, and scales nothing down until it has seen a whole window. */
interface Memory {
  readonly settings: string;
  readonly since: number;
  wanted: Wanted[];
  logged: Decision['kind'] | undefined;
  loggedAt: number;
}

const INTERVAL_MS = 2_000;
/** A new reason for no change is written down no more often than this. */
const LOG_APART_MS = 30_000;

/** On the leader: sets the replicas of services that scale by load. What it proposes is judged again where it is applied. */
export function createAutoscaler(deps: AutoscalerDeps): Reconciler {
  const monotonic = deps.monotonic ?? (() => performance.now());
  let memories = new Map<string, Memory>();

  function loadOf(service: ServiceRow, { min = 1, max = 1, ...settings }: Autoscaling): Load {
    const { replicas: current } = service;
    const { target_cpu_percent: cpu, target_queue_length: queue = 1 } = settings;
    const base = { current, min, max };
    if (cpu === undefined) {
      const values = [queuedJobs(deps.db(), settings.queue_labels, deps.clock())];
      return { ...base, metric: 'queue', target: queue, values };
    }
    const usage = deps.usage(service.name);
    const values = replicasOf(deps.db(), service.name).flatMap(({ slot, state, generation }) => {
      const used = usage.get(slot);
      const counts = slot < current && state === 'healthy' && used?.generation === generation;
      return counts ? [used.cpu_percent] : [];
    });
    return { ...base, metric: 'cpu', target: cpu, values };
  }

  async function decideOn(service: ServiceRow, settings: Autoscaling, memory: Memory): Promise<void> {
    const now = monotonic();
    const windowMs = settings.stabilization_seconds * 1000;
    memory.wanted = memory.wanted.filter(({ at }) => now - at <= windowMs);
    const load = loadOf(service, settings);
    const decision = decide(load, memory.wanted, now - memory.since >= windowMs);
    if (decision.wanted !== null) memory.wanted.push({ at: now, replicas: decision.wanted });
    const isNews = decision.kind !== memory.logged && now - memory.loggedAt >= LOG_APART_MS;
    if (decision.kind !== 'changed' && !isNews) return;
    const { to, value, reason } = decision;
    const what = { service: service.name, from: service.replicas, to, value, reason };
    const { metric, target } = load;
    await deps.propose(autoscale, { ...what, metric, target }, systemProposal(deps.nodeId));
    memory.logged = decision.kind;
    if (decision.kind !== 'changed') memory.loggedAt = now;
  }

  return {
    name: 'autoscaling',
    intervalMs: INTERVAL_MS,
    async run() {
      if (!deps.isLeader()) return memories.clear();
      const { enabled: isHa } = haState(deps.db());
      const known = memories;
      memories = new Map();
      for (const service of allServices(deps.db())) {
        const { name, autoscaling, system } = service;
        // HA mode sets the replicas of system services.
        if (!autoscaling?.enabled || (isHa && system)) continue;
        const settings = JSON.stringify(autoscaling);
        const before = known.get(name);
        const fresh = {
          settings,
          since: monotonic(),
          wanted: [],
          logged: undefined,
          loggedAt: Number.NEGATIVE_INFINITY,
        };
        const memory = before?.settings === settings ? before : fresh;
        memories.set(name, memory);
        await decideOn(service, autoscaling, memory);
      }
    },
  };
}

/** Queued jobs that could start now and ask for all of these labels. */
function queuedJobs(db: StateDb, labels: Autoscaling['queue_labels'], now: number): number {
  const due = and(isOpen, eq(jobs.state, 'queued'), lte(jobs.notBefore, now));
  const rows = db.select({ labels: jobs.labels }).from(jobs).where(due).all();
  return rows.filter((row) => hasLabels(Object.fromEntries(JSON.parse(row.labels) as [string, string][]), labels))
    .length;
}
