import { healthRoutes, type Readiness } from '@quorate/shared/health';
import type { Registry } from 'prom-client';
import { DomainError } from '../../commands/domain-error';
import { type Endpoint, endpoint } from '../../http/endpoint';

export interface HealthCheck {
  readonly name: string;
  readonly ok: boolean;
  /** What is wrong and what to do, or what was found. */
  readonly detail: string;
}

export interface HealthDeps {
  readonly checks: () => HealthCheck[];
  readonly isLeader: () => boolean;
  readonly metrics: Registry;
}

export function healthEndpoints(deps: HealthDeps): Endpoint[] {
  return [
    endpoint(healthRoutes.live, () => ({ live: true as const })),
    endpoint(healthRoutes.ready, (_ctx, { query }): Readiness | never => {
      const checks = deps.checks();
      const failed = checks.filter((check) => !check.ok);
      if (failed.length > 0) {
        const detail = failed.map((check) => `${check.name}: ${check.detail}`).join('; ');
        throw new DomainError('not_ready', detail, [], 1);
      }
      return query.verbose === undefined ? { ready: true } : { ready: true, checks };
    }),
    endpoint(healthRoutes.leader, () => {
      if (!deps.isLeader()) throw new DomainError('not_ready', 'this node is not the leader', [], 1);
      return { leader: true as const };
    }),
    endpoint(healthRoutes.metrics, async (ctx) => {
      if (!ctx.principal && !ctx.loopback) {
        throw new DomainError('unauthenticated', 'send Authorization: Bearer with an API token of role viewer');
      }
      return new Response(await deps.metrics.metrics(), { headers: { 'content-type': deps.metrics.contentType } });
    }),
  ];
}
