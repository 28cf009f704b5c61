import { nodeName } from '@quorate/shared/names';
import { MAX_PROBLEM } from '@quorate/shared/runner-protocol';
import { labelsSchema } from '@quorate/shared/runners';
import { and, eq } from 'drizzle-orm';
import { z } from 'zod';
import { type ApplyContext, defineCommand } from '../../commands/define-command';
import { DomainError } from '../../commands/domain-error';
import { remembered } from '../../db/remembered';
import type { StateDb } from '../../db/state-store';
import { type RunnerRow, runners } from './table';

/** @throws DomainError not_found for one that never was or is removed */
export function findRunner(db: StateDb, id: string): RunnerRow {
  const row = db.select().from(runners).where(eq(runners.id, id)).get();
  if (row && row.state !== 'removed') return row;
  throw new DomainError('not_found', `there is no runner ${id}; see GET /v1/runners`);
}

export const embeddedRunner = remembered((db, node: number): RunnerRow | undefined =>
  db
    .select()
    .from(runners)
    .where(and(eq(runners.nodeId, node), eq(runners.state, 'active')))
    .get(),
);

const software = {
  labels: labelsSchema,
  capacity: z.int().min(1).max(1_000),
  version: z.string().max(64),
  address: z.string().max(255),
};

/** The runner inside a core node says what it is; only the node that proposes it is meant. The same again changes nothing. */
export const registerEmbedded = defineCommand({
  type: 'runners.register_embedded',
  since: 1,
  audited: false,
  input: z.object({ id: z.uuid(), name: nodeName, ...software }),
  apply(tx, { id, ...input }, ctx) {
    const known = embeddedRunner(tx, ctx.nodeId);
    if (known) {
      tx.update(runners).set(input).where(eq(runners.id, known.id)).run();
      return { id: known.id };
    }
    tx.insert(runners)
      .values({
        ...{ id, ...input, nodeId: ctx.nodeId, keyPin: null, certificateExpiresAt: null },
        ...{ state: 'active', drainedAt: null, status: 'online', statusSince: ctx.at },
        ...{ joinedAt: ctx.at, removedAt: null },
      })
      .run();
    ctx.event('runner.added', `the runner ${input.name} inside of node ${ctx.nodeId} takes work`, {
      runner: id,
      node: ctx.nodeId,
    });
    return { id };
  },
});

/** What a runner is by its present options. The same again changes nothing. */
export const describeRunner = defineCommand({
  type: 'runners.describe',
  since: 1,
  audited: false,
  input: z.object({
    id: z.uuid(),
    labels: labelsSchema,
    capacity: z.int().min(1).max(1_000),
    version: z.string().max(64),
  }),
  apply(tx, { id, ...what }) {
    findRunner(tx, id);
    tx.update(runners).set(what).where(eq(runners.id, id)).run();
  },
});

/** What the leader saw: the runner came, or its lease is over. The same again changes nothing. */
export const observeRunner = defineCommand({
  type: 'runners.observe',
  since: 1,
  audited: false,
  input: z.object({ id: z.uuid(), online: z.boolean() }),
  apply(tx, { id, online }, ctx) {
    const runner = findRunner(tx, id);
    const status = online ? 'online' : 'offline';
    if (runner.status === status) return { changed: false };
    tx.update(runners).set({ status, statusSince: ctx.at }).where(eq(runners.id, id)).run();
    ctx.event(
      `runner.${status}`,
      `the runner ${runner.name} is ${online ? 'online' : 'offline: no node hears from it'}`,
      { runner: id },
    );
    return { changed: true };
  },
});

/** Whether and why it can begin no job now: it is given none meanwhile. The same again changes nothing. */
export function setProblem(tx: StateDb, id: string, problem: string, ctx: ApplyContext): void {
  const runner = tx.select().from(runners).where(eq(runners.id, id)).get();
  if (runner?.state !== 'active' || runner.problem === problem) return;
  tx.update(runners).set({ problem }).where(eq(runners.id, id)).run();
  const { name } = runner;
  if (problem === '') ctx.event('runner.recovered', `the runner ${name} can begin jobs again`, { runner: id });
  else
    ctx.event('runner.failing', `the runner ${name} gets no job, since it can begin none: ${problem}`, { runner: id });
}

/** What the runner says of itself: empty, it can begin jobs again. */
export const noteRunnerProblem = defineCommand({
  type: 'runners.note_problem',
  since: 1,
  audited: false,
  input: z.object({ id: z.uuid(), problem: z.string().max(MAX_PROBLEM) }),
  apply: (tx, { id, problem }, ctx) => setProblem(tx, id, problem, ctx),
});

export const setRunnerDrained = defineCommand({
  type: 'runners.set_drained',
  since: 1,
  input: z.object({ id: z.uuid(), drained: z.boolean() }),
  target: (input) => input.id,
  apply(tx, { id, drained }, ctx) {
    const runner = findRunner(tx, id);
    if ((runner.drainedAt !== null) === drained) return;
    tx.update(runners)
      .set({ drainedAt: drained ? ctx.at : null })
      .where(eq(runners.id, id))
      .run();
    const what = drained ? 'drained' : 'resumed';
    const now = drained ? 'gets no new work, and its replicas go elsewhere' : 'gets work again';
    ctx.event(`runner.${what}`, `${ctx.actor.name} ${what} the runner ${runner.name}: it ${now}`, { runner: id });
  },
});

/** When the certificate that it was given last expires; fails for one that is removed, which is to get none. */
export const noteRunnerCertificate = defineCommand({
  type: 'runners.note_certificate',
  since: 1,
  audited: false,
  input: z.object({ id: z.uuid(), expiresAt: z.int() }),
  apply(tx, { id, expiresAt }) {
    findRunner(tx, id);
    tx.update(runners).set({ certificateExpiresAt: expiresAt }).where(eq(runners.id, id)).run();
  },
});

/** Forgets a runner: an embedded one whose node runs no work any more, or one whose host is gone. */
export const removeRunner = defineCommand({
  type: 'runners.remove',
  since: 1,
  input: z.object({ id: z.uuid() }),
  target: (input) => input.id,
  apply(tx, { id }, ctx) {
    const runner = findRunner(tx, id);
    // One that is offline already is so since then: what it had need not wait anew.
    const statusSince = runner.status === 'offline' ? runner.statusSince : ctx.at;
    tx.update(runners)
      .set({ state: 'removed', removedAt: ctx.at, status: 'offline', statusSince })
      .where(eq(runners.id, id))
      .run();
    ctx.event('runner.removed', `${ctx.actor.name} removed the runner ${runner.name}`, { runner: id });
  },
});

export const runnerCommands = [
  registerEmbedded,
  describeRunner,
  observeRunner,
  noteRunnerProblem,
  setRunnerDrained,
  noteRunnerCertificate,
  removeRunner,
];
