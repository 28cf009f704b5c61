import { and, asc, count, desc, eq, inArray, notInArray } from 'drizzle-orm';
import type { StateDb } from '../../db/state-store';
import { autoscaleDecisions, serviceReplicas, serviceRevisions, services } from './table';

const KEPT_REVISIONS = 20;
const KEPT_DECISIONS = 200;

/** Drops the specifications of a service that nothing runs and nobody goes back to, beyond the newest. */
export function pruneRevisions(tx: StateDb, name: string): void {
  const service = tx.select().from(services).where(eq(services.name, name)).get();
  const used = tx
    .selectDistinct({ revision: serviceReplicas.revision })
    .from(serviceReplicas)
    .where(eq(serviceReplicas.service, name))
    .orderBy(asc(serviceReplicas.revision))
    .all()
    .map(({ revision }) => revision);
  const own = eq(serviceRevisions.service, name);
  const newest = service
    ? tx
        .select({ revision: serviceRevisions.revision })
        .from(serviceRevisions)
        .where(own)
        .orderBy(desc(serviceRevisions.revision))
        .limit(KEPT_REVISIONS)
        .all()
        .map(({ revision }) => revision)
    : [];
  const named = service ? [service.revision, service.stableRevision ?? service.revision] : [];
  const kept = [...new Set([...used, ...newest, ...named])];
  tx.delete(serviceRevisions)
    .where(and(own, notInArray(serviceRevisions.revision, kept)))
    .run();
}

export function pruneDecisions(tx: StateDb, service: string): void {
  const own = eq(autoscaleDecisions.service, service);
  const over = (tx.select({ n: count() }).from(autoscaleDecisions).where(own).get()?.n ?? 0) - KEPT_DECISIONS;
  if (over <= 0) return;
  const oldest = tx
    .select({ id: autoscaleDecisions.id })
    .from(autoscaleDecisions)
    .where(own)
    .orderBy(asc(autoscaleDecisions.id))
    .limit(over);
  tx.delete(autoscaleDecisions).where(inArray(autoscaleDecisions.id, oldest)).run();
}
