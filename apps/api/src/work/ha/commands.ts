import { HA_MIN_NODES, HA_STEP_STATES, haSettingsSchema } from '@quorate/shared/ha';
import { and, asc, count, desc, eq, inArray, ne } from 'drizzle-orm';
import { z } from 'zod';
import { type ApplyContext, defineCommand } from '../../commands/define-command';
import { DomainError } from '../../commands/domain-error';
import { ifMatchField, requireMatch } from '../../commands/precondition';
import type { StateDb } from '../../db/state-store';
import { embeddedRunner } from '../../resources/runners/commands';
import { serviceReplicas } from '../services/table';
import { illNow, illWords, stillIll } from './ill';
import type { HaNodes } from './nodes';
import { type HaState, haState } from './settings';
import { haSettings, haUpdateSteps, haUpdates } from './table';

const KEPT_UPDATES = 50;
const MAX_DETAIL = 1_000;

export type HaUpdateRow = typeof haUpdates.$inferSelect;
export type HaStepRow = typeof haUpdateSteps.$inferSelect;

export const haEtag = ({ revision }: HaState): string => `"ha-${revision}"`;

export const lastUpdate = (db: StateDb): HaUpdateRow | undefined =>
  db.select().from(haUpdates).orderBy(desc(haUpdates.startedAt), desc(haUpdates.id)).limit(1).get();

export const stepsOf = (db: StateDb, updateId: string): HaStepRow[] =>
  db
    .select()
    .from(haUpdateSteps)
    .where(eq(haUpdateSteps.updateId, updateId))
    .orderBy(asc(haUpdateSteps.position))
    .all();

function setUpdate(tx: StateDb, id: string, to: Partial<HaUpdateRow>): void {
  tx.update(haUpdates).set(to).where(eq(haUpdates.id, id)).run();
}

function requireNodes(tx: StateDb, nodes: HaNodes, what: string): void {
  const found = nodes(tx).length;
  if (found >= HA_MIN_NODES) return;
  const cure = 'add nodes with join tokens (quorate token create)';
  throw new DomainError('too_few_nodes', `${what} needs ${HA_MIN_NODES} voting nodes, and there are ${found}; ${cure}`);
}

const setHa = (nodes: HaNodes) =>
  defineCommand({
    type: 'ha.set',
    since: 1,
    input: haSettingsSchema.extend({ ifMatch: ifMatchField }),
    target: () => 'ha',
    apply(tx, { enabled, system_replicas, failover_seconds, ifMatch }, ctx) {
      const now = haState(tx);
      requireMatch(ifMatch, haEtag(now));
      if (enabled) requireNodes(tx, nodes, 'HA mode');
      const to = { enabled, systemReplicas: system_replicas, failoverSeconds: failover_seconds };
      const { revision, updatedAt: _at, ...before } = { ...now };
      const same = before.enabled === enabled && before.systemReplicas === to.systemReplicas;
      if (revision > 0 && same && before.failoverSeconds === to.failoverSeconds) return;
      const row = { ...to, revision: revision + 1, updatedAt: ctx.at };
      tx.insert(haSettings)
        .values({ id: 1, ...row })
        .onConflictDoUpdate({ target: haSettings.id, set: row })
        .run();
      const how = enabled ? `on, with ${system_replicas} replicas of each system service` : 'off';
      const message = `${ctx.actor.name} set HA mode ${how}; replicas move after ${failover_seconds} s`;
      ctx.event('ha.changed', message, { enabled, system_replicas, failover_seconds });
    },
  });

/** Begins an update, or goes on where the last one stopped. */
const startUpdate = (nodes: HaNodes) =>
  defineCommand({
    type: 'ha.start_update',
    since: 1,
    input: z.object({ id: z.uuid(), fromStart: z.boolean() }),
    target: () => 'ha/update',
    apply(tx, { id, fromStart }, ctx) {
      requireNodes(tx, nodes, 'an update node by node');
      const last = lastUpdate(tx);
      if (last?.state === 'running') throw new DomainError('conflict', 'an update is running already; see GET /v1/ha');
      if (last && last.state !== 'completed' && !fromStart) return { id: goOn(tx, last, ctx) };
      const open = {
        state: 'running',
        detail: '',
        startedBy: ctx.actor.name,
        startedAt: ctx.at,
        finishedAt: null,
        illBefore: illNow(tx, ctx.at),
      } as const;
      tx.insert(haUpdates)
        .values({ id, ...open })
        .run();
      const all = nodes(tx);
      for (const [position, node] of all.entries()) {
        const step = {
          position,
          nodeId: node.id,
          name: node.name,
          detail: '',
          drained: leftDrained(tx, last, node.id),
        };
        tx.insert(haUpdateSteps)
          .values({ updateId: id, ...step, state: 'waiting', stateAt: ctx.at })
          .run();
      }
      prune(tx);
      ctx.event('ha.update_started', `${ctx.actor.name} updates ${all.length} nodes, one by one`, { update: id });
      return { id };
    },
  });

/** A node that the update before took out of service and never put back goes back after this one. */
const leftDrained = (tx: StateDb, last: HaUpdateRow | undefined, nodeId: number): boolean =>
  last !== undefined &&
  stepsOf(tx, last.id).some((step) => step.nodeId === nodeId && step.drained && step.state !== 'done');

function goOn(tx: StateDb, { id }: HaUpdateRow, ctx: ApplyContext): string {
  setUpdate(tx, id, { state: 'running', detail: '', finishedAt: null });
  reopen(tx, id, ctx);
  ctx.event('ha.update_started', `${ctx.actor.name} lets the update go on where it stopped`, { update: id });
  return id;
}

function reopen(tx: StateDb, id: string, ctx: ApplyContext): void {
  tx.update(haUpdateSteps)
    .set({ state: 'waiting', detail: '', stateAt: ctx.at })
    .where(and(eq(haUpdateSteps.updateId, id), ne(haUpdateSteps.state, 'done')))
    .run();
}

function prune(tx: StateDb): void {
  const over = (tx.select({ n: count() }).from(haUpdates).get()?.n ?? 0) - KEPT_UPDATES;
  if (over <= 0) return;
  const oldest = tx
    .select({ id: haUpdates.id })
    .from(haUpdates)
    .orderBy(asc(haUpdates.startedAt), asc(haUpdates.id))
    .limit(over)
    .all()
    .map((row) => row.id);
  tx.delete(haUpdates).where(inArray(haUpdates.id, oldest)).run();
}

const cancelUpdate = defineCommand({
  type: 'ha.cancel_update',
  since: 1,
  input: z.object({}),
  target: () => 'ha/update',
  apply(tx, _input, ctx) {
    const last = lastUpdate(tx);
    if (last?.state === 'cancelled') return { id: last.id };
    if (last?.state !== 'running') throw new DomainError('conflict', 'no update is running');
    setUpdate(tx, last.id, { state: 'cancelled', detail: `${ctx.actor.name} stopped it`, finishedAt: ctx.at });
    reopen(tx, last.id, ctx);
    ctx.event('ha.update_cancelled', `${ctx.actor.name} stopped the update of the nodes`, { update: last.id });
    return { id: last.id };
  },
});

/** What the leader brought one node to. Another state than it saw, and nothing happens. */
const stepUpdate = defineCommand({
  type: 'ha.step_update',
  since: 1,
  audited: false,
  input: z.object({
    ...{ updateId: z.uuid(), position: z.int().min(0) },
    ...{ from: z.enum(HA_STEP_STATES), to: z.enum(HA_STEP_STATES) },
    ...{ drained: z.boolean(), detail: z.string().transform((text) => text.slice(0, MAX_DETAIL)) },
  }),
  apply(tx, { updateId, position, from, to, drained, detail }, ctx) {
    const update = tx.select().from(haUpdates).where(eq(haUpdates.id, updateId)).get();
    const step = stepsOf(tx, updateId)[position];
    if (!update || step?.state !== from) return { done: false };
    const same = to === from && step.drained === drained && step.detail === detail;
    // After it was stopped, all that is left is to put the node back.
    if (same || (update.state !== 'running' && to !== from)) return { done: false };
    const stateAt = to === from ? step.stateAt : ctx.at;
    tx.update(haUpdateSteps)
      .set({ state: to, drained, detail, stateAt })
      .where(and(eq(haUpdateSteps.updateId, updateId), eq(haUpdateSteps.position, position)))
      .run();
    if (to === from) return { done: true };
    // What has become well in between must stay so.
    if (from === 'waiting') setUpdate(tx, updateId, { illBefore: stillIll(tx, update.illBefore, ctx.at) });
    if (to === 'restarting') markReplicas(tx, step.nodeId);
    if (to === 'failed') failed(tx, update, step, detail, ctx);
    if (to === 'done') done(tx, update, step, detail, ctx);
    return { done: true };
  },
});

/** What the runner inside the node has begins anew. */
function markReplicas(tx: StateDb, nodeId: number): void {
  const runner = embeddedRunner(tx, nodeId);
  if (!runner) return;
  tx.update(serviceReplicas)
    .set({ restart: true })
    .where(and(eq(serviceReplicas.runnerId, runner.id), eq(serviceReplicas.want, 'run')))
    .run();
}

function failed(tx: StateDb, { id }: HaUpdateRow, step: HaStepRow, detail: string, ctx: ApplyContext): void {
  const why = `node ${step.nodeId} (${step.name}): ${detail}`;
  setUpdate(tx, id, { state: 'failed', detail: why, finishedAt: ctx.at });
  ctx.event('ha.update_failed', `the update of the nodes stopped at ${why}`, { update: id, node: step.nodeId });
}

function done(tx: StateDb, { id, illBefore }: HaUpdateRow, step: HaStepRow, detail: string, ctx: ApplyContext): void {
  const what = detail === '' ? 'is updated and healthy' : `is done: ${detail}`;
  ctx.event('ha.node_updated', `node ${step.nodeId} (${step.name}) ${what}`, { update: id, node: step.nodeId });
  if (stepsOf(tx, id).some(({ state }) => state !== 'done')) return;
  setUpdate(tx, id, { state: 'completed', finishedAt: ctx.at });
  const ill = illWords(stillIll(tx, illBefore, ctx.at, 0));
  ctx.event('ha.update_completed', `every node is updated and healthy${ill ? `; ${ill}` : ''}`, { update: id });
}

/** @param nodes the voting core nodes, which this layer does not know by itself */
export const createHaCommands = (nodes: HaNodes) => {
  const bound = { setHa: setHa(nodes), startUpdate: startUpdate(nodes), cancelUpdate, stepUpdate };
  return { ...bound, all: [bound.setHa, bound.startUpdate, cancelUpdate, stepUpdate] };
};
export type HaCommands = ReturnType<typeof createHaCommands>;
