import type { AssignedReplica } from '@quorate/shared/runner-protocol';
import { type ServiceSpec, serviceSpecSchema } from '@quorate/shared/services';
import { and, asc, count, eq, isNotNull, sql } from 'drizzle-orm';
import { DomainError } from '../../commands/domain-error';
import { prepared } from '../../db/prepared';
import { remembered } from '../../db/remembered';
import type { StateDb } from '../../db/state-store';
import { runners } from '../../resources/runners/table';
import { type HaState, haState } from '../ha/settings';
import { type ReplicaRow, type ServiceRow, serviceReplicas, serviceRevisions, services } from './table';

export const serviceNamed = (db: StateDb, name: string): ServiceRow | undefined =>
  db.select().from(services).where(eq(services.name, name)).get();

/** @throws DomainError not_found */
export function findService(db: StateDb, name: string): ServiceRow {
  const row = serviceNamed(db, name);
  if (!row) throw new DomainError('not_found', `there is no service ${name}; see GET /v1/services`);
  return row;
}

/** Every service, by name. */
export const allServices = remembered((db): readonly ServiceRow[] =>
  db.select().from(services).orderBy(asc(services.name)).all(),
);

export const replicasOf = (db: StateDb, service: string): ReplicaRow[] =>
  db
    .select()
    .from(serviceReplicas)
    .where(eq(serviceReplicas.service, service))
    .orderBy(asc(serviceReplicas.slot))
    .all();

export const replicaAt = (db: StateDb, service: string, slot: number): ReplicaRow | undefined =>
  db
    .select()
    .from(serviceReplicas)
    .where(and(eq(serviceReplicas.service, service), eq(serviceReplicas.slot, slot)))
    .get();

// These run with each entry that brings or ends jobs.
const statements = prepared((db) => ({
  byRunner: db
    .select({ runner: serviceReplicas.runnerId, n: count() })
    .from(serviceReplicas)
    .where(isNotNull(serviceReplicas.runnerId))
    .groupBy(serviceReplicas.runnerId)
    .prepare(),
  ofRunner: db
    .select()
    .from(serviceReplicas)
    .where(eq(serviceReplicas.runnerId, sql.placeholder('runner')))
    .orderBy(asc(serviceReplicas.service), asc(serviceReplicas.slot))
    .prepare(),
}));

/** How many replicas each runner has that has any, those that are about to end among them. */
export const replicasByRunner = (db: StateDb): Map<string, number> =>
  new Map(
    statements(db)
      .byRunner.all()
      .map(({ runner, n }) => [runner ?? '', n]),
  );

/** The same of one runner. */
export const countReplicas = (db: StateDb, runnerId: string): number =>
  db.select({ n: count() }).from(serviceReplicas).where(eq(serviceReplicas.runnerId, runnerId)).get()?.n ?? 0;

/** How many replicas shall run: a system service follows HA mode while that is on. */
export const desiredReplicas = (service: ServiceRow, ha: HaState): number =>
  ha.enabled && service.system ? ha.systemReplicas : service.replicas;

/** The same by name; 0 for a service that is gone. */
export function desiredOf(db: StateDb, name: string): number {
  const service = serviceNamed(db, name);
  return service ? desiredReplicas(service, haState(db)) : 0;
}

export const specOf = (db: StateDb, service: string, revision: number): ServiceSpec | undefined =>
  db
    .select({ spec: serviceRevisions.spec })
    .from(serviceRevisions)
    .where(and(eq(serviceRevisions.service, service), eq(serviceRevisions.revision, revision)))
    .get()?.spec;

/** @throws Error never while the state is whole: a service has the specification that it names */
export function currentSpec(db: StateDb, { name, revision }: ServiceRow): ServiceSpec {
  const spec = specOf(db, name, revision);
  if (!spec) throw new Error(`the service ${name} has no revision ${revision}`);
  return spec;
}

/** For a replica that is to end: what it was made from may be gone since (a restored backup), and does not matter. */
const NO_SPEC = serviceSpecSchema.parse({ command: 'none' });

/** The replicas that a runner is to have, and those that it is to end. */
export const assignedReplicas = remembered((db, runnerId: string): AssignedReplica[] => {
  const specs = new Map<string, ServiceSpec>();
  const lookUp = ({ service, revision }: ReplicaRow): ServiceSpec => {
    const known = specs.get(`${service} ${revision}`);
    if (known) return known;
    const named = specOf(db, service, revision) ?? specOf(db, service, serviceNamed(db, service)?.revision ?? 0);
    const spec = named ?? NO_SPEC;
    specs.set(`${service} ${revision}`, spec);
    return spec;
  };
  return statements(db)
    .ofRunner.all({ runner: runnerId })
    .map((row) => ({
      ...{ service: row.service, slot: row.slot, generation: row.generation, revision: row.revision },
      ...{ spec: lookUp(row), stop: row.want === 'stop' },
    }));
});

/** A replica that traffic may be sent to. */
export interface PublishedReplica {
  readonly service: string;
  readonly slot: number;
  /** Host of its runner. */
  readonly address: string;
  readonly port: number;
  readonly healthy: boolean;
  /** It is about to end, or its runner is drained: no new connections. */
  readonly draining: boolean;
}

/** The port that a service publishes, by its name; empty = none, undefined = there is no such service. */
export function publishedPort(db: StateDb, name: string): string | undefined {
  const service = serviceNamed(db, name);
  return service && currentSpec(db, service).publish;
}

/** The replicas of every service that publishes a port, by service and slot; those without address or port are left out. */
export function publishedReplicas(db: StateDb): PublishedReplica[] {
  const rows = db
    .select({ replica: serviceReplicas, runner: runners, spec: serviceRevisions.spec })
    .from(serviceReplicas)
    .innerJoin(runners, eq(runners.id, serviceReplicas.runnerId))
    .innerJoin(
      serviceRevisions,
      and(
        eq(serviceRevisions.service, serviceReplicas.service),
        eq(serviceRevisions.revision, serviceReplicas.revision),
      ),
    )
    .where(isNotNull(serviceReplicas.runnerId))
    .orderBy(asc(serviceReplicas.service), asc(serviceReplicas.slot))
    .all();
  return rows.flatMap(({ replica, runner, spec }) => {
    const port = replica.ports[spec.publish];
    if (spec.publish === '' || port === undefined || runner.address === '') return [];
    const healthy = replica.state === 'healthy' && runner.status === 'online';
    const draining = replica.want === 'stop' || runner.drainedAt !== null;
    return [{ service: replica.service, slot: replica.slot, address: runner.address, port, healthy, draining }];
  });
}
