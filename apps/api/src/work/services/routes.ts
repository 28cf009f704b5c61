import { type ScalingDecision, type Service, serviceRoutes } from '@quorate/shared/services';
import { and, asc, desc, eq, gt, inArray, lt } from 'drizzle-orm';
import { DomainError } from '../../commands/domain-error';
import { type Endpoint, endpoint, ifMatchOf, type RequestContext } from '../../http/endpoint';
import { numberCursor, pageOf, textCursor } from '../../http/page';
import { type Clock, toTimestamp } from '../../lib/clock';
import { placeOf } from '../jobs/logs/stream';
import {
  createService,
  removeService,
  restartServices,
  scaleAllServices,
  scaleService,
  serviceEtag,
  setAutoscaling,
  updateService,
} from './commands';
import type { ReplicaLogs } from './logs/follow';
import { findService, replicaAt } from './queries';
import { autoscaleDecisions, type ServiceRow, serviceReplicas, serviceRevisions, services } from './table';
import { sightOf, viewService } from './view';

function viewByName(ctx: RequestContext, clock: Clock, name: string): Service {
  const service = findService(ctx.db, name);
  ctx.setHeader('etag', serviceEtag(service));
  return viewService(ctx.db, service, sightOf(ctx.db, clock()));
}

const viewDecision = (row: typeof autoscaleDecisions.$inferSelect): ScalingDecision => {
  const { at, from, to, metric, value, target, reason } = row;
  return { at: toTimestamp(at), from, to, metric, value, target, reason };
};

export interface ServiceEndpointDeps {
  readonly clock: Clock;
  readonly logs: ReplicaLogs;
  /** Ends the streams. */
  readonly stopping: AbortSignal;
}

export const serviceEndpoints = ({ clock, logs, stopping }: ServiceEndpointDeps): Endpoint[] => [
  // Before those with a name in the same place.
  endpoint(serviceRoutes.scaleAll, (ctx, { body }) => ctx.propose(scaleAllServices, body)),
  endpoint(serviceRoutes.list, (ctx, { query: { cursor, limit, runner_id: runner } }) => {
    const onRunner = ctx.db.select({ name: serviceReplicas.service }).from(serviceReplicas);
    const rows = ctx.db
      .select()
      .from(services)
      .where(
        and(
          cursor === undefined ? undefined : gt(services.name, textCursor(cursor)),
          runner === undefined
            ? undefined
            : inArray(services.name, onRunner.where(eq(serviceReplicas.runnerId, runner))),
        ),
      )
      .orderBy(asc(services.name))
      .limit(limit + 1)
      .all();
    const sight = sightOf(ctx.db, clock());
    const view = (row: ServiceRow): Service => viewService(ctx.db, row, sight);
    return pageOf(ctx, serviceRoutes.list.path, rows, limit, ({ name }) => name, view);
  }),
  endpoint(serviceRoutes.get, (ctx, { params }) => viewByName(ctx, clock, params.name)),
  endpoint(serviceRoutes.create, async (ctx, { body }) => {
    const { name } = await ctx.propose(createService, body);
    return viewByName(ctx, clock, name);
  }),
  endpoint(serviceRoutes.update, async (ctx, { params, body }) => {
    await ctx.propose(updateService, { ...params, ...body, ifMatch: ifMatchOf(ctx) });
    return viewByName(ctx, clock, params.name);
  }),
  endpoint(serviceRoutes.revisions, (ctx, { params }) => {
    const { name } = findService(ctx.db, params.name);
    const rows = ctx.db
      .select()
      .from(serviceRevisions)
      .where(eq(serviceRevisions.service, name))
      .orderBy(desc(serviceRevisions.revision))
      .all();
    return {
      items: rows.map(({ revision, spec, failure, createdBy, createdAt }) => ({
        ...{ revision, spec, failure, created_by: createdBy, created_at: toTimestamp(createdAt) },
      })),
    };
  }),
  endpoint(serviceRoutes.remove, async (ctx, { params }) => {
    await ctx.propose(removeService, params);
  }),
  endpoint(serviceRoutes.scale, async (ctx, { params, body }) => {
    await ctx.propose(scaleService, { ...params, ...body });
    return viewByName(ctx, clock, params.name);
  }),
  endpoint(serviceRoutes.autoscaling, async (ctx, { params, body }) => {
    await ctx.propose(setAutoscaling, { ...params, autoscaling: body });
    return viewByName(ctx, clock, params.name);
  }),
  endpoint(serviceRoutes.decisions, (ctx, { params, query: { cursor, limit } }) => {
    const { name } = findService(ctx.db, params.name);
    const own = and(eq(autoscaleDecisions.service, name), lt(autoscaleDecisions.id, numberCursor(cursor)));
    const rows = ctx.db
      .select()
      .from(autoscaleDecisions)
      .where(own)
      .orderBy(desc(autoscaleDecisions.id))
      .limit(limit + 1)
      .all();
    const path = serviceRoutes.decisions.path.replace('{name}', name);
    return pageOf(ctx, path, rows, limit, (row) => row.id, viewDecision);
  }),
  endpoint(serviceRoutes.replicaLogs, (ctx, { params: { name: service, slot }, query: { follow } }) => {
    findService(ctx.db, service);
    if (!replicaAt(ctx.db, service, slot)) {
      throw new DomainError('not_found', `there is no replica ${slot} of ${service}; see GET /v1/services/${service}`);
    }
    const signal = AbortSignal.any([ctx.signal, stopping]);
    const of = { service, slot };
    return follow === 'true' ? logs.follow(of, placeOf(ctx.header('last-event-id')), signal) : logs.asItIs(of, signal);
  }),
  endpoint(serviceRoutes.restart, (ctx, { body }) => ctx.propose(restartServices, body)),
];
