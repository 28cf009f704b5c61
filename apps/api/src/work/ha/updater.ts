import { eq } from 'drizzle-orm';
import type { StateDb } from '../../db/state-store';
import type { Clock } from '../../lib/clock';
import type { Reconciler } from '../../reconcile/driver';
import type { Applier } from '../../replication/applier';
import type { Proposer } from '../../replication/proposer';
import { embeddedRunner } from '../../resources/runners/commands';
import { systemProposal } from '../proposal';
import { currentSpec, serviceNamed } from '../services/queries';
import { deadlineMs, isSettled } from '../services/rollout/judge';
import { serviceReplicas } from '../services/table';
import { type HaCommands, type HaStepRow, type HaUpdateRow, lastUpdate, stepsOf } from './commands';
import type { HaNodeControl } from './nodes';

export interface HaUpdaterDeps {
  readonly db: () => StateDb;
  readonly applier: Applier;
  readonly propose: Proposer['propose'];
  readonly nodeId: number;
  readonly isLeader: () => boolean;
  readonly control: HaNodeControl;
  readonly commands: HaCommands;
  readonly clock: Clock;
}

/** A node that is in trouble gets this long to be well again. */
const NODE_MS = 60_000;
/** Until the last replica of a node has begun anew: services wait for each other. */
const RESTART_MS = 600_000;

/**
 * On the leader: brings the update node by node forward, one step for each change of the state. All it knows is in the state,
 * so whoever leads next goes on; a step that comes twice is refused where it is applied.
 */
export function createHaUpdater(deps: HaUpdaterDeps): Reconciler {
  const { db, control } = deps;
  const now = (): number => Math.max(deps.clock(), deps.applier.position.lastAt);

  async function move(step: HaStepRow, to: HaStepRow['state'], change: { drained?: boolean; detail?: string } = {}) {
    const { updateId, position, state: from } = step;
    const input = {
      updateId,
      position,
      from,
      to,
      drained: change.drained ?? step.drained,
      detail: change.detail ?? '',
    };
    await deps.propose(deps.commands.stepUpdate, input, systemProposal(deps.nodeId));
  }

  async function advance(step: HaStepRow): Promise<void> {
    const node = control.nodes(db()).find(({ id }) => id === step.nodeId);
    if (!node) return move(step, 'done', { drained: false, detail: 'it is no voting node any more' });
    if (step.state === 'waiting') {
      const trouble = control.trouble(node.id);
      if (trouble) return move(step, 'failed', { detail: `it was not healthy before its turn: ${trouble}` });
      return move(step, 'draining', { drained: step.drained || !node.drained });
    }
    if (step.state === 'draining') {
      if (step.drained) await control.setDrained(node.id, true);
      return move(step, 'restarting');
    }
    const trouble = control.trouble(step.nodeId);
    const left = step.state === 'restarting' ? whatIsLeft(step.nodeId) : whatIsIll(step);
    const waits = trouble ? { why: trouble, limitMs: NODE_MS } : left;
    if (waits === undefined) {
      if (step.state === 'restarting') return move(step, 'checking');
      if (step.drained) await control.setDrained(node.id, false);
      return move(step, 'done', { drained: false });
    }
    const late = now() - step.stateAt > waits.limitMs;
    const out = step.drained ? '; it stays out of service until the update goes on, or it is resumed' : '';
    return late
      ? move(step, 'failed', { detail: `${waits.why}${out}` })
      : move(step, step.state, { detail: waits.why });
  }

  const replicasAt = (nodeId: number) => {
    const runner = embeddedRunner(db(), nodeId);
    if (!runner) return [];
    const rows = db().select().from(serviceReplicas).where(eq(serviceReplicas.runnerId, runner.id)).all();
    return rows.map((row) => ({ row, runner }));
  };

  function whatIsLeft(nodeId: number): { why: string; limitMs: number } | undefined {
    const left = replicasAt(nodeId).filter(({ row }) => row.restart && row.want === 'run').length;
    const why = `${left} ${left === 1 ? 'replica has' : 'replicas have'} not begun anew yet`;
    return left === 0 ? undefined : { why, limitMs: RESTART_MS };
  }

  function whatIsIll({ nodeId }: HaStepRow): { why: string; limitMs: number } | undefined {
    for (const { row, runner } of replicasAt(nodeId)) {
      const service = serviceNamed(db(), row.service);
      if (!service || row.want !== 'run') continue;
      const spec = currentSpec(db(), service);
      const onlineSince = runner.status === 'online' ? runner.statusSince : null;
      if (isSettled({ ...row, onlineSince }, spec, now())) continue;
      const because = row.reason === '' ? '' : `: ${row.reason}`;
      return { why: `replica ${row.slot} of ${row.service} is not healthy${because}`, limitMs: deadlineMs(spec) };
    }
    return undefined;
  }

  /** Puts back what an update that was stopped had taken out of service. */
  async function tidy({ state }: HaUpdateRow, steps: readonly HaStepRow[]): Promise<void> {
    if (state !== 'cancelled') return;
    for (const step of steps.filter(({ drained }) => drained)) {
      if (control.nodes(db()).some(({ id }) => id === step.nodeId)) await control.setDrained(step.nodeId, false);
      await move(step, step.state, { drained: false });
    }
  }

  return {
    name: 'ha update',
    intervalMs: 500,
    async run() {
      if (!deps.isLeader()) return;
      const update = lastUpdate(db());
      if (!update) return;
      const steps = stepsOf(db(), update.id);
      await tidy(update, steps);
      const next = steps.find(({ state }) => state !== 'done');
      if (update.state === 'running' && next) await advance(next);
    },
  };
}
