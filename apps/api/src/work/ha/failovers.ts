import { and, asc, count, eq, inArray, isNull } from 'drizzle-orm';
import type { ApplyContext } from '../../commands/define-command';
import type { StateDb } from '../../db/state-store';
import type { RunnerRow } from '../../resources/runners/table';
import { haFailovers } from './table';

const KEPT = 1_000;

interface Move {
  readonly service: string;
  readonly slot: number;
  readonly generation: number;
  /** Undefined when its row is gone, too. */
  readonly from: RunnerRow | undefined;
  readonly to: RunnerRow;
  /** When it was to leave, ms. */
  readonly dueAt: number;
}

/** Writes down that a replica left a runner that is gone: when that was due, and when it happened. */
export function noteFailover(tx: StateDb, { from, to, dueAt, ...slot }: Move, ctx: ApplyContext): void {
  const offlineAt = from?.statusSince ?? ctx.at;
  const times = { offlineAt, dueAt: Math.max(dueAt, offlineAt), movedAt: ctx.at, healthyAt: null };
  const fromRunner = from?.name ?? 'a runner that is gone';
  tx.insert(haFailovers)
    .values({ ...slot, fromRunner, toRunner: to.name, ...times })
    .run();
  prune(tx);
  const gone =
    from?.state === 'removed' ? 'was removed' : `was offline for ${Math.floor((ctx.at - offlineAt) / 1000)} s`;
  const message = `replica ${slot.slot} of ${slot.service} moved from ${fromRunner}, which ${gone}, to ${to.name}`;
  ctx.event('replica.moved', message, { ...slot, from: from?.id ?? '', to: to.id });
}

export function noteHealthy(tx: StateDb, generation: number, ctx: ApplyContext): void {
  const own = and(eq(haFailovers.generation, generation), isNull(haFailovers.healthyAt));
  tx.update(haFailovers).set({ healthyAt: ctx.at }).where(own).run();
}

function prune(tx: StateDb): void {
  const over = (tx.select({ n: count() }).from(haFailovers).get()?.n ?? 0) - KEPT;
  if (over <= 0) return;
  const oldest = tx.select({ id: haFailovers.id }).from(haFailovers).orderBy(asc(haFailovers.id)).limit(over);
  tx.delete(haFailovers).where(inArray(haFailovers.id, oldest)).run();
}
