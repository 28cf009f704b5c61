import { serviceName } from '@quorate/shared/names';
import { and, eq } from 'drizzle-orm';
import { z } from 'zod';
import { type ApplyContext, defineCommand } from '../../../commands/define-command';
import type { StateDb } from '../../../db/state-store';
import { haState } from '../../ha/settings';
import { desiredReplicas, replicaAt, replicasOf, serviceNamed } from '../queries';
import { type ServiceRow, serviceRevisions, services } from '../table';

const MAX_WHY = 1_000;

/**
 * What the leader saw a roll-out come to, if that is still so: another revision since, a replica that began anew or became
 * healthy, and it changes nothing. One that failed is taken back to the revision that ran before.
 */
export const settleRollout = defineCommand({
  type: 'services.settle_rollout',
  since: 1,
  audited: false,
  input: z.object({
    service: serviceName,
    revision: z.int().min(1),
    /** Null = it is finished. */
    failure: z
      .object({
        slot: z.int().min(0),
        generation: z.int().min(1),
        why: z.string().transform((text) => text.slice(0, MAX_WHY)),
      })
      .nullable(),
  }),
  apply(tx, { service: name, revision, failure }, ctx) {
    const service = serviceNamed(tx, name);
    if (service?.revision !== revision) return { done: false };
    const done = failure ? fail(tx, service, failure, ctx) : finish(tx, service, ctx);
    return { done };
  },
});

function set(tx: StateDb, { name }: ServiceRow, to: Partial<ServiceRow>): void {
  tx.update(services).set(to).where(eq(services.name, name)).run();
}

function finish(tx: StateDb, service: ServiceRow, ctx: ApplyContext): boolean {
  if (service.rollout !== 'running' && service.rollout !== 'failed') return false;
  const desired = desiredReplicas(service, haState(tx));
  const placed = replicasOf(tx, service.name).filter((row) => row.slot < desired && row.runnerId !== null);
  const { name, revision } = service;
  if (placed.some((row) => row.revision !== revision || row.state !== 'healthy')) return false;
  if (placed.length === 0 && desired > 0) return false;
  // Without a replica nothing is known of it.
  const stableRevision = placed.length === 0 ? service.stableRevision : revision;
  set(tx, service, { rollout: 'idle', rolloutDetail: '', rolloutAt: ctx.at, stableRevision });
  const where =
    desired === 1
      ? 'its only replica'
      : placed.length < desired
        ? `the ${placed.length} of ${desired} replicas that have a place`
        : `all ${placed.length} replicas`;
  ctx.event('service.rolled_out', `revision ${revision} of the service ${name} runs in ${where}`, {
    service: name,
    revision,
  });
  return true;
}

function fail(
  tx: StateDb,
  service: ServiceRow,
  { slot, generation, why }: { slot: number; generation: number; why: string },
  ctx: ApplyContext,
): boolean {
  const { name, revision, stableRevision, version } = service;
  const row = replicaAt(tx, name, slot);
  if (service.rollout !== 'running' || row?.generation !== generation || row.revision !== revision) return false;
  tx.update(serviceRevisions)
    .set({ failure: why })
    .where(and(eq(serviceRevisions.service, name), eq(serviceRevisions.revision, revision)))
    .run();
  if (stableRevision === null || stableRevision === revision) {
    const detail = `revision ${revision} failed, and there is none before it to go back to: ${why}`;
    set(tx, service, { rollout: 'failed', rolloutDetail: detail, rolloutAt: ctx.at });
    ctx.event('service.rollout_failed', `the service ${name}: ${detail}`, { service: name, revision });
    return true;
  }
  const detail = `revision ${revision} failed and was rolled back to revision ${stableRevision}: ${why}`;
  const back = { revision: stableRevision, version: version + 1, updatedAt: ctx.at } as const;
  set(tx, service, { ...back, rollout: 'rolled_back', rolloutDetail: detail, rolloutAt: ctx.at });
  ctx.event('service.rolled_back', `the service ${name}: ${detail}`, { service: name, revision, to: stableRevision });
  return true;
}

export const rolloutCommands = [settleRollout];
