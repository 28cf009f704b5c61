import type { MetricsBatch } from '@quorate/shared/runner-protocol';
import { type Runner, runnerRoutes } from '@quorate/shared/runners';
import { and, asc, eq, gt, or } from 'drizzle-orm';
import { DomainError } from '../../commands/domain-error';
import type { StateDb } from '../../db/state-store';
import { type Endpoint, endpoint } from '../../http/endpoint';
import { pageOf, textCursor } from '../../http/page';
import { toTimestamp } from '../../lib/clock';
import { findRunner, removeRunner, setRunnerDrained } from './commands';
import { type RunnerRow, runners } from './table';

/** What is known beside its row. */
export interface RunnerSight {
  readonly jobs: number;
  readonly replicas: number;
  readonly cpuPercent: number | null;
  readonly memoryPercent: number | null;
  /** What it measured last; undefined when not known here. */
  readonly latest: MetricsBatch | undefined;
  /** Core nodes that it is connected to. */
  readonly connectedTo: readonly number[];
}

const programsIn = ({ jobs, replicas }: MetricsBatch): Runner['programs'] =>
  [
    ...jobs.map((job) => ({ kind: 'job' as const, name: job.id, ...job })),
    ...replicas.map((one) => ({ kind: 'replica' as const, name: `${one.service}/${one.slot}`, ...one })),
  ].map(({ kind, name, cpu_percent, rss_bytes, processes }) => ({ kind, name, cpu_percent, rss_bytes, processes }));

function viewRunner(row: RunnerRow, sight: RunnerSight): Runner {
  return {
    id: row.id,
    name: row.name,
    node_id: row.nodeId,
    labels: row.labels,
    capacity: row.capacity,
    drained: row.drainedAt !== null,
    status: row.status,
    status_since: toTimestamp(row.statusSince),
    problem: row.problem,
    jobs: sight.jobs,
    replicas: sight.replicas,
    cpu_percent: sight.cpuPercent,
    memory_percent: sight.memoryPercent,
    measured_at: sight.latest ? toTimestamp(sight.latest.at) : null,
    programs: sight.latest ? programsIn(sight.latest) : [],
    connected_to: [...sight.connectedTo],
    version: row.version,
    certificate_expires_at: row.certificateExpiresAt === null ? null : toTimestamp(row.certificateExpiresAt),
    joined_at: toTimestamp(row.joinedAt),
  };
}

export function runnerEndpoints({ sight }: { sight: (runner: RunnerRow) => RunnerSight }): Endpoint[] {
  const viewById = (db: StateDb, id: string): Runner => {
    const row = findRunner(db, id);
    return viewRunner(row, sight(row));
  };
  return [
    endpoint(runnerRoutes.list, (ctx, { query: { cursor, limit } }) => {
      // A runner and the one inside of a node may have one name.
      const [name = '', id = ''] = textCursor(cursor).split(' ');
      const after =
        cursor === undefined ? undefined : or(gt(runners.name, name), and(eq(runners.name, name), gt(runners.id, id)));
      const rows = ctx.db
        .select()
        .from(runners)
        .where(and(eq(runners.state, 'active'), after))
        .orderBy(asc(runners.name), asc(runners.id))
        .limit(limit + 1)
        .all();
      const view = (row: RunnerRow): Runner => viewRunner(row, sight(row));
      return pageOf(ctx, runnerRoutes.list.path, rows, limit, (row) => `${row.name} ${row.id}`, view);
    }),
    endpoint(runnerRoutes.get, (ctx, { params }) => viewById(ctx.db, params.id)),
    endpoint(runnerRoutes.drain, async (ctx, { params }) => {
      await ctx.propose(setRunnerDrained, { ...params, drained: true });
      return viewById(ctx.db, params.id);
    }),
    endpoint(runnerRoutes.resume, async (ctx, { params }) => {
      await ctx.propose(setRunnerDrained, { ...params, drained: false });
      return viewById(ctx.db, params.id);
    }),
    endpoint(runnerRoutes.remove, async (ctx, { params }) => {
      const { nodeId, name } = findRunner(ctx.db, params.id);
      if (nodeId !== null) {
        const cure = `set workers.enabled: false on node ${nodeId}, or remove the node`;
        throw new DomainError('conflict', `the runner ${name} is part of a core node; ${cure}`);
      }
      await ctx.propose(removeRunner, params);
    }),
  ];
}
