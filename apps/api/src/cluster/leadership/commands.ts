import { FAILOVER_REASONS, MEASURED_FROM } from '@quorate/shared/failovers';
import { nodeId } from '@quorate/shared/names';
import { desc, eq, lt } from 'drizzle-orm';
import { z } from 'zod';
import { defineCommand } from '../../commands/define-command';
import type { StateDb } from '../../db/state-store';
import { findMember } from '../members/commands';
import { failoverIntents, failovers, leadershipTerms } from './table';

const KEPT_TERMS = 1_000;
/** A hand-over that did not happen within this time explains nothing any more. */
const INTENT_MS = 30_000;
const INTENT_ID = 1;

/** A leader tells the cluster of its term. Older or known terms change nothing. */
export const recordLeadership = defineCommand({
  type: 'leadership.record',
  since: 1,
  audited: false,
  input: z.object({ nodeId, term: z.int().positive() }),
  apply(tx, input, ctx) {
    const last = tx.select().from(leadershipTerms).orderBy(desc(leadershipTerms.term)).limit(1).get();
    if (last && last.term >= input.term) return { recorded: false };
    const member = findMember(tx, input.nodeId);
    tx.insert(leadershipTerms)
      .values({ ...input, at: ctx.at, logIndex: ctx.index })
      .run();
    tx.delete(leadershipTerms)
      .where(lt(leadershipTerms.term, input.term - KEPT_TERMS))
      .run();
    tx.delete(failovers)
      .where(lt(failovers.term, input.term - KEPT_TERMS))
      .run();
    if (last) startAccount(tx, { ...input, fromNode: last.nodeId, at: ctx.at });
    if (last && last.nodeId !== input.nodeId) {
      ctx.event('leadership.lost', `node ${last.nodeId} no longer leads (term ${last.term})`, {
        node: last.nodeId,
        term: last.term,
      });
    }
    ctx.event('leadership.gained', `${member.name} (node ${member.id}) leads in term ${input.term}`, {
      node: member.id,
      term: input.term,
    });
    return { recorded: true };
  },
});

/** Opens the account of a change with the reason that was announced. What it cost is known later. */
function startAccount(tx: StateDb, change: { term: number; nodeId: number; fromNode: number; at: number }): void {
  const { term, nodeId: toNode, fromNode, at } = change;
  const intent = tx.select().from(failoverIntents).where(eq(failoverIntents.id, INTENT_ID)).get();
  const fits = intent?.fromNode === fromNode && at - intent.at < INTENT_MS;
  const why = intent && fits ? intent : { reason: 'unknown', requestedBy: '' };
  const { reason, requestedBy } = why;
  const cost = { writeGapMs: null, measuredFrom: null, probeGapMs: null };
  tx.insert(failovers)
    .values({ term, fromNode, toNode, at, reason, requestedBy, ...cost })
    .onConflictDoNothing()
    .run();
  tx.delete(failoverIntents).run();
}

/** First entry of a grown cluster's epoch. */
export const recordGrowth = defineCommand({
  type: 'epoch.start',
  since: 1,
  audited: false,
  input: z.object({ epoch: z.int().positive() }),
  apply(_tx, input, ctx) {
    ctx.event('cluster.grown', `node ${ctx.nodeId} runs on Raft now (epoch ${input.epoch}); nodes can join`, {
      epoch: input.epoch,
    });
  },
});

/** Says why leadership is about to be handed over, so that the next leader knows. */
export const announceHandOver = defineCommand({
  type: 'failover.announce',
  since: 1,
  audited: false,
  input: z.object({ fromNode: nodeId, reason: z.enum(FAILOVER_REASONS), requestedBy: z.string().max(128) }),
  apply(tx, input, ctx) {
    const row = { ...input, id: INTENT_ID, at: ctx.at };
    tx.insert(failoverIntents).values(row).onConflictDoUpdate({ target: failoverIntents.id, set: row }).run();
  },
});

/** What the new leader saw of a change: how long no write was committed, and why, when that was not announced. */
export const recordFailover = defineCommand({
  type: 'failover.record',
  since: 1,
  audited: false,
  input: z.object({
    term: z.int().positive(),
    seen: z.enum(FAILOVER_REASONS),
    writeGapMs: z.int().nonnegative().nullable(),
    measuredFrom: z.enum(MEASURED_FROM).nullable(),
  }),
  apply(tx, { term, seen, writeGapMs, measuredFrom }) {
    const row = tx.select().from(failovers).where(eq(failovers.term, term)).get();
    if (!row || row.measuredFrom !== null) return;
    const reason = row.reason === 'unknown' ? seen : row.reason;
    tx.update(failovers).set({ reason, writeGapMs, measuredFrom }).where(eq(failovers.term, term)).run();
  },
});

/** A write of the probe: takes the way of every write and changes nothing. */
export const probeWrite = defineCommand({
  type: 'failover.probe',
  since: 1,
  audited: false,
  input: z.object({}),
  apply: () => undefined,
});

/** The result of a test: leadership was moved on purpose while a probe wrote. */
export const recordFailoverTest = defineCommand({
  type: 'failover.test',
  since: 1,
  input: z.object({
    term: z.int().positive(),
    fromNode: nodeId,
    toNode: nodeId,
    probeGapMs: z.int().nonnegative(),
  }),
  target: (input) => `node ${input.toNode}`,
  apply(tx, input, ctx) {
    const { fromNode, toNode, probeGapMs, term } = input;
    tx.update(failovers).set({ probeGapMs }).where(eq(failovers.term, term)).run();
    const message = `a test moved leadership from node ${fromNode} to node ${toNode}: no write was acknowledged for ${probeGapMs} ms`;
    ctx.event('failover.tested', message, { from: fromNode, to: toNode, term, write_gap_ms: probeGapMs });
  },
});

/** Leadership was handed over because somebody asked for it: for the audit, and for the request when it is repeated. */
export const recordTransfer = defineCommand({
  type: 'leadership.transfer',
  since: 1,
  input: z.object({ from: nodeId, to: nodeId, term: z.int().nonnegative(), duration_ms: z.int().nonnegative() }),
  target: (input) => `node ${input.to}`,
  apply: (_tx, input) => input,
});

export const leadershipCommands = [
  recordLeadership,
  recordGrowth,
  announceHandOver,
  recordFailover,
  probeWrite,
  recordFailoverTest,
  recordTransfer,
];
