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
import { hasReplica, type IllBefore, illWords, stillIll } from './ill';
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

  /** A node that is in trouble, since when, ms; a leader that comes in between gives it the time anew. */
  let ill: { readonly node: number; readonly since: number } | undefined;
  function troubleFor(node: number): { why: string; ms: number } | undefined {
    const why = control.trouble(node);
    if (why === undefined) ill = undefined;
    else if (ill?.node !== node) ill = { node, since: now() };
    return why === undefined || ill === undefined ? undefined : { why, ms: now() - ill.since };
  }

  async function advance(step: HaStepRow, illBefore: IllBefore): Promise<void> {
    const node = control.nodes(db()).find(({ id }) => id === step.nodeId);
    if (!node) return move(step, 'done', { drained: false, detail: 'it is no voting node any more' });
    const trouble = troubleFor(node.id);
    if (step.state === 'waiting') {
      if (trouble) return move(step, 'failed', { detail: `it was not healthy before its turn: ${trouble.why}` });
      return move(step, 'draining', { drained: step.drained || !node.drained });
    }
    if (step.state === 'draining') {
      if (step.drained) await control.setDrained(node.id, true);
      return move(step, 'restarting');
    }
    const lastedMs = now() - step.stateAt;
    const left = step.state === 'restarting' ? whatIsLeft(step, illBefore) : whatIsIll(step, illBefore);
    const hindrance = trouble
      ? { why: trouble.why, isLate: trouble.ms > NODE_MS }
      : left && { why: left.why, isLate: lastedMs > left.limitMs };
    if (hindrance) {
      const out = step.drained ? '; it stays out of service until the update goes on, or it is resumed' : '';
      const { why, isLate } = hindrance;
      return isLate ? move(step, 'failed', { detail: `${why}${out}` }) : move(step, step.state, { detail: why });
    }
    if (step.state === 'restarting') return move(step, 'checking');
    if (step.drained) await control.setDrained(node.id, false);
    return move(step, 'done', { drained: false, detail: whatStaysIll(step, illBefore) });
  }

  const replicasAt = (nodeId: number) => {
    const runner = embeddedRunner(db(), nodeId);
    if (!runner) return [];
    const rows = db().select().from(serviceReplicas).where(eq(serviceReplicas.runnerId, runner.id)).all();
    return rows.map((row) => ({ row, runner }));
  };

  function whatIsLeft({ nodeId }: HaStepRow, illBefore: IllBefore): { why: string; limitMs: number } | undefined {
    const mayNot = servicesThatRest(illBefore);
    const left = replicasAt(nodeId).filter(
      ({ row }) => row.restart && row.want === 'run' && !mayNot.has(row.service),
    ).length;
    const why = `${left} ${left === 1 ? 'replica has' : 'replicas have'} not begun anew yet`;
    return left === 0 ? undefined : { why, limitMs: RESTART_MS };
  }

  /** Services of which no healthy replica may be away as well, since others failed before the update and fail still. */
  function servicesThatRest(illBefore: IllBefore): Set<string> {
    const away = new Map<string, number>();
    for (const { service } of stillIll(db(), illBefore, now(), 0)) away.set(service, (away.get(service) ?? 0) + 1);
    const isFull = ([name, count]: [string, number]): boolean => {
      const service = serviceNamed(db(), name);
      return service !== undefined && count >= currentSpec(db(), service).max_unavailable;
    };
    return new Set([...away].filter(isFull).map(([name]) => name));
  }

  /** What is said of a node that is done though not everything there is well, or began anew. */
  function whatStaysIll({ nodeId }: HaStepRow, illBefore: IllBefore): string {
    const here = replicasAt(nodeId);
    const later = here.filter(({ row }) => row.restart && row.want === 'run');
    const isAbout = ({ service, slot }: IllBefore[number]): boolean =>
      here.some(({ row }) => row.service === service && row.slot === slot) ||
      later.some(({ row }) => row.service === service);
    const ill = illWords(stillIll(db(), illBefore, now(), 0).filter(isAbout));
    const many = `${later.length} ${later.length === 1 ? 'replica begins' : 'replicas begin'} anew when that is over`;
    return ill === undefined ? '' : later.length === 0 ? ill : `${ill}; ${many}`;
  }

  function whatIsIll({ nodeId }: HaStepRow, illBefore: IllBefore): { why: string; limitMs: number } | undefined {
    for (const { row, runner } of replicasAt(nodeId)) {
      const service = serviceNamed(db(), row.service);
      if (!service || row.want !== 'run' || hasReplica(illBefore, row.service, row.slot)) continue;
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
      if (!deps.isLeader()) {
        ill = undefined;
        return;
      }
      const update = lastUpdate(db());
      if (!update) return;
      const steps = stepsOf(db(), update.id);
      await tidy(update, steps);
      const next = steps.find(({ state }) => state !== 'done');
      if (update.state === 'running' && next) await advance(next, update.illBefore);
    },
  };
}
