import type { StateDb } from '../../db/state-store';
import { delay } from '../../lib/async';
import type { Clock } from '../../lib/clock';
import type { Logger } from '../../lib/logger';
import { type ReconcilerHandle, startReconciler } from '../../reconcile/driver';
import type { Applier } from '../../replication/applier';
import type { Proposer } from '../../replication/proposer';
import { systemProposal } from '../proposal';
import { MAX_ACTIONS, placeReplicas } from './placement/commands';
import { planServices } from './plan';
import { type PlannerView, readPlannerView } from './planner-view';
import { settleRollout } from './rollout/commands';
import { judgeRollout } from './rollout/judge';

export interface PlannerDeps {
  readonly db: () => StateDb;
  readonly applier: Applier;
  readonly propose: Proposer['propose'];
  readonly nodeId: number;
  readonly isLeader: () => boolean;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Plans in a row without a pause; what is left then waits for the next tick. */
const MAX_ROUNDS = 20;
const TICK_MS = 500;
/** After a plan it rests this many times as long as that took. */
const REST = 9;

/**
 * One look at the state, and proposals for what has to change. It only proposes; each proposal says what it was made from and
 * is judged again where it is applied, so a repetition, or a leader that does not know yet that it is none, does no harm.
 */
export function createPlanning(deps: Omit<PlannerDeps, 'isLeader' | 'logger'>) {
  /** A time that is not before any time in the state. */
  const now = (): number => Math.max(deps.clock(), deps.applier.position.lastAt);

  async function proposePlan(view: PlannerView): Promise<boolean> {
    const actions = planServices(view.input);
    let done = 0;
    for (let from = 0; from < actions.length; from += MAX_ACTIONS) {
      const batch = { actions: actions.slice(from, from + MAX_ACTIONS) };
      const { result } = await deps.propose(placeReplicas, batch, systemProposal(deps.nodeId));
      done += result.done;
    }
    return done > 0;
  }

  async function settle(view: PlannerView): Promise<boolean> {
    let done = false;
    for (const { service, spec, desired, replicas } of view.rollouts) {
      const { revision } = service;
      const rollout = { revision, spec, desired, hasFailed: service.rollout === 'failed' };
      const verdict = judgeRollout(rollout, replicas, view.input.now);
      if (!verdict) continue;
      const failure = verdict.outcome === 'failed' ? verdict : null;
      const input = { service: service.name, revision, failure };
      const { result } = await deps.propose(settleRollout, input, systemProposal(deps.nodeId));
      done ||= result.done;
    }
    return done;
  }

  return {
    /** @returns whether anything changed, and else in how many ms something is due that nobody will tell of */
    async step(): Promise<{ changed: boolean; dueMs: number }> {
      const view = readPlannerView(deps.db(), now());
      const changed = (await settle(view)) || (await proposePlan(view));
      return { changed, dueMs: Math.max(0, view.dueAt - now()) };
    },
  };
}

/**
 * On the leader: brings what runs to what shall run. Whoever leads next goes on from the state, in the middle of a roll-out and
 * in the middle of a failover.
 */
export function startPlanner(deps: PlannerDeps): ReconcilerHandle {
  const stopping = new AbortController();
  const planning = createPlanning(deps);
  let due: NodeJS.Timeout | undefined;

  async function run(): Promise<void> {
    for (let round = 0; round < MAX_ROUNDS && deps.isLeader() && !stopping.signal.aborted; round += 1) {
      const begun = performance.now();
      const { changed, dueMs } = await planning.step();
      if (changed) continue;
      // What is due before the next tick is not left to it: a failover comes on time.
      clearTimeout(due);
      if (dueMs < TICK_MS) due = setTimeout(() => handle.trigger(), dueMs);
      await delay((performance.now() - begun) * REST, stopping.signal);
      return;
    }
  }

  const handle = startReconciler({ name: 'services', intervalMs: TICK_MS, run }, deps.logger);
  return {
    trigger: handle.trigger,
    async stop() {
      stopping.abort();
      clearTimeout(due);
      await handle.stop();
    },
  };
}
