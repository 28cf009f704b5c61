import { serviceName } from '@quorate/shared/names';
import { autoscalingSchema, MAX_REPLICAS, serviceSpecSchema } from '@quorate/shared/services';
import { and, count, eq, inArray, isNotNull } from 'drizzle-orm';
import { z } from 'zod';
import { type ApplyContext, defineCommand } from '../../commands/define-command';
import { DomainError } from '../../commands/domain-error';
import { ifMatchField, requireMatch } from '../../commands/precondition';
import type { StateDb } from '../../db/state-store';
import { haState } from '../ha/settings';
import { allServices, currentSpec, findService, serviceNamed } from './queries';
import { pruneDecisions, pruneRevisions } from './retention';
import { autoscaleDecisions, type ServiceRow, serviceReplicas, serviceRevisions, services } from './table';

const MAX_SERVICES = 500;
/** Of all services together: what the planner was measured with, and then some. */
const MAX_ALL_REPLICAS = 5_000;

const name = serviceName;
const replicas = z.int().min(0).max(MAX_REPLICAS);

/** Of its specification: what `PUT` wants back in If-Match. */
export const serviceEtag = ({ version, createdAt }: ServiceRow): string => `"${createdAt.toString(36)}-${version}"`;

function change(tx: StateDb, service: ServiceRow, to: Partial<ServiceRow>, ctx: ApplyContext): void {
  tx.update(services)
    .set({ ...to, updatedAt: ctx.at })
    .where(eq(services.name, service.name))
    .run();
}

function refuseTooMany(tx: StateDb, but: readonly string[], more: number): void {
  const others = allServices(tx).filter((one) => !but.includes(one.name));
  const sum = others.reduce((all, one) => all + one.replicas, more);
  if (sum <= MAX_ALL_REPLICAS) return;
  const detail = `all services together may have ${MAX_ALL_REPLICAS} replicas; this would make ${sum}`;
  throw new DomainError('conflict', detail, [{ pointer: '/replicas', detail }]);
}

export const createService = defineCommand({
  type: 'services.create',
  since: 1,
  input: z.object({ name, spec: serviceSpecSchema, replicas, system: z.boolean() }),
  target: (input) => input.name,
  apply(tx, { spec, ...input }, ctx) {
    if (serviceNamed(tx, input.name)) {
      const detail = `there is a service named ${input.name} already`;
      throw new DomainError('name_taken', detail, [{ pointer: '/name', detail }]);
    }
    if ((tx.select({ n: count() }).from(services).get()?.n ?? 0) >= MAX_SERVICES) {
      throw new DomainError('conflict', `there are ${MAX_SERVICES} services already; remove some`);
    }
    refuseTooMany(tx, [], input.replicas);
    const revision = firstRevision(tx, input.name);
    tx.insert(services)
      .values({
        ...{ ...input, revision, stableRevision: null, lastRevision: revision, autoscaling: null },
        ...{ rollout: 'running', rolloutDetail: '', rolloutAt: ctx.at },
        ...{ version: 1, createdAt: ctx.at, updatedAt: ctx.at },
      })
      .run();
    addRevision(tx, input.name, revision, spec, ctx);
    const many = `${input.replicas} ${input.replicas === 1 ? 'replica' : 'replicas'}`;
    ctx.event('service.created', `${ctx.actor.name} created the service ${input.name} with ${many}`, {
      service: input.name,
    });
    return { name: input.name };
  },
});

/** Beyond those of a service of the same name whose last replicas have not ended yet. */
function firstRevision(tx: StateDb, service: string): number {
  const known = tx
    .select({ revision: serviceRevisions.revision })
    .from(serviceRevisions)
    .where(eq(serviceRevisions.service, service))
    .all();
  return Math.max(0, ...known.map(({ revision }) => revision)) + 1;
}

function addRevision(
  tx: StateDb,
  service: string,
  revision: number,
  spec: z.output<typeof serviceSpecSchema>,
  ctx: ApplyContext,
): void {
  const made = { createdBy: ctx.actor.name, createdAt: ctx.at };
  tx.insert(serviceRevisions)
    .values({ service, revision, spec, failure: '', ...made })
    .run();
}

export const updateService = defineCommand({
  type: 'services.update',
  since: 1,
  input: z.object({ name, spec: serviceSpecSchema, system: z.boolean(), ifMatch: ifMatchField }),
  target: (input) => input.name,
  apply(tx, { spec, system, ifMatch, ...input }, ctx) {
    const service = findService(tx, input.name);
    requireMatch(ifMatch, serviceEtag(service));
    const isNew = JSON.stringify(spec) !== JSON.stringify(currentSpec(tx, service));
    if (!isNew && system === service.system) return;
    const version = service.version + 1;
    if (!isNew) return change(tx, service, { system, version }, ctx);
    const revision = service.lastRevision + 1;
    addRevision(tx, service.name, revision, spec, ctx);
    const rollout = { rollout: 'running', rolloutDetail: '', rolloutAt: ctx.at } as const;
    change(tx, service, { system, version, revision, lastRevision: revision, ...rollout }, ctx);
    pruneRevisions(tx, service.name);
    ctx.event('service.updated', `${ctx.actor.name} rolls out revision ${revision} of the service ${service.name}`, {
      ...{ service: service.name, revision },
    });
  },
});

/** Forgets it. Its replicas are told to end; until each has, its slot is taken. */
export const removeService = defineCommand({
  type: 'services.remove',
  since: 1,
  input: z.object({ name }),
  target: (input) => input.name,
  apply(tx, input, ctx) {
    const service = findService(tx, input.name);
    tx.delete(services).where(eq(services.name, service.name)).run();
    tx.delete(autoscaleDecisions).where(eq(autoscaleDecisions.service, service.name)).run();
    pruneRevisions(tx, service.name);
    ctx.event('service.removed', `${ctx.actor.name} removed the service ${service.name}`, { service: service.name });
  },
});

/** @throws DomainError autoscaling_enabled, conflict while HA mode sets the number */
function refuseManualScaling(tx: StateDb, chosen: readonly ServiceRow[]): void {
  const auto = chosen.filter(({ autoscaling }) => autoscaling?.enabled).map((one) => one.name);
  if (auto.length > 0) {
    const cure = `switch it off first (quorate service autoscale ${auto[0]} --off)`;
    throw new DomainError('autoscaling_enabled', `autoscaling sets the replicas of ${auto.join(', ')}; ${cure}`);
  }
  const ha = haState(tx);
  const system = chosen.filter((one) => ha.enabled && one.system).map((one) => one.name);
  if (system.length === 0) return;
  const which = `${system.join(', ')} ${system.length === 1 ? 'is a system service' : 'are system services'}`;
  throw new DomainError('conflict', `${which}: HA mode sets the replicas; change system_replicas (quorate ha set)`);
}

function scale(tx: StateDb, service: ServiceRow, to: number, why: string, ctx: ApplyContext): boolean {
  if (service.replicas === to) return false;
  change(tx, service, { replicas: to }, ctx);
  const data = { service: service.name, from: service.replicas, to };
  ctx.event(
    'service.scaled',
    `${why} the service ${service.name} from ${service.replicas} to ${to} ${to === 1 ? 'replica' : 'replicas'}`,
    data,
  );
  return true;
}

export const scaleService = defineCommand({
  type: 'services.scale',
  since: 1,
  input: z.object({ name, replicas }),
  target: (input) => input.name,
  apply(tx, input, ctx) {
    const service = findService(tx, input.name);
    refuseManualScaling(tx, [service]);
    if (input.replicas > service.replicas) refuseTooMany(tx, [service.name], input.replicas);
    scale(tx, service, input.replicas, `${ctx.actor.name} scaled`, ctx);
  },
});

/** All or none. System services are left to HA mode while that is on. */
export const scaleAllServices = defineCommand({
  type: 'services.scale_all',
  since: 1,
  input: z.object({ replicas }),
  target: () => 'services',
  apply(tx, input, ctx) {
    const ha = haState(tx);
    const chosen = allServices(tx).filter((service) => !(ha.enabled && service.system));
    refuseManualScaling(tx, chosen);
    refuseTooMany(
      tx,
      chosen.map((one) => one.name),
      chosen.length * input.replicas,
    );
    for (const service of chosen) scale(tx, service, input.replicas, `${ctx.actor.name} scaled`, ctx);
    return { services: chosen.map((one) => one.name) };
  },
});

export const setAutoscaling = defineCommand({
  type: 'services.set_autoscaling',
  since: 1,
  input: z.object({ name, autoscaling: autoscalingSchema }),
  target: (input) => input.name,
  apply(tx, { autoscaling, ...input }, ctx) {
    const service = findService(tx, input.name);
    if (JSON.stringify(service.autoscaling) === JSON.stringify(autoscaling)) return;
    change(tx, service, { autoscaling }, ctx);
    const { enabled, min = 1, max = MAX_REPLICAS } = autoscaling;
    const how = enabled ? `on, between ${min} and ${max} replicas` : 'off';
    ctx.event('service.autoscaling_changed', `${ctx.actor.name} switched autoscaling of ${service.name} ${how}`, {
      ...{ service: service.name, enabled },
    });
    if (!enabled) return;
    const to = Math.min(max, Math.max(min, service.replicas));
    scale(tx, service, to, 'autoscaling has begun: it brought', ctx);
  },
});

/** What the autoscaler decided, from what it saw. Another number of replicas since, or none allowed: it changes nothing. */
export const autoscale = defineCommand({
  type: 'services.autoscale',
  since: 1,
  audited: false,
  input: z.object({
    ...{ service: name, from: replicas, to: replicas, reason: z.string().max(500) },
    ...{ metric: z.enum(['cpu', 'queue']), value: z.number().nullable(), target: z.number() },
  }),
  apply(tx, { service: named, ...decision }, ctx) {
    const service = serviceNamed(tx, named);
    const { enabled, min = 1, max = MAX_REPLICAS } = service?.autoscaling ?? { enabled: false };
    if (!service || !enabled || service.replicas !== decision.from) return { applied: false };
    if (decision.to < min || decision.to > max) return { applied: false };
    tx.insert(autoscaleDecisions)
      .values({ service: named, at: ctx.at, ...decision })
      .run();
    pruneDecisions(tx, named);
    scale(tx, service, decision.to, `autoscaling (${decision.reason}) brought`, ctx);
    return { applied: true };
  },
});

/** Every replica of these services begins anew, no more at a time than may be away. Empty = all services. */
export const restartServices = defineCommand({
  type: 'services.restart',
  since: 1,
  input: z.object({ services: z.array(name).max(MAX_SERVICES) }),
  target: (input) => input.services.join(',') || 'services',
  apply(tx, input, ctx) {
    const chosen = input.services.length === 0 ? allServices(tx) : input.services.map((one) => findService(tx, one));
    const names = [...new Set(chosen.map((one) => one.name))].sort();
    if (names.length === 0) return { services: [] };
    markForRestart(tx, names);
    const which = input.services.length === 0 ? 'all services' : names.join(', ');
    ctx.event('service.restarted', `${ctx.actor.name} restarts ${which}, rolling`, { services: names });
    return { services: names };
  },
});

function markForRestart(tx: StateDb, names: readonly string[]): void {
  tx.update(serviceReplicas)
    .set({ restart: true })
    .where(
      and(
        inArray(serviceReplicas.service, [...names]),
        eq(serviceReplicas.want, 'run'),
        isNotNull(serviceReplicas.runnerId),
      ),
    )
    .run();
}

export const serviceCommands = [
  createService,
  updateService,
  removeService,
  scaleService,
  scaleAllServices,
  setAutoscaling,
  autoscale,
  restartServices,
];
