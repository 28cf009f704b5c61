import { randomUUID } from 'node:crypto';
import { ApiError } from '@quorate/shared/client';
import { BALANCER_REPORT_MS, type BalancerReport, balancerRoutes } from '@quorate/shared/haproxy-balancers';
import { HEADER } from '@quorate/shared/http-headers';
import type { Invocation } from '../invocation';
import { reportOf } from '../report';

export interface Reporter {
  /** Tells the cluster when something changed, and that it is there when nothing did. Never throws. */
  report(state: Omit<BalancerReport, 'made_for' | 'haproxy_version'>): Promise<void>;
}

/** What says that reporting again at once is of no use. */
const PAUSE_MS = BALANCER_REPORT_MS;

export function createReporter(
  inv: Invocation,
  deps: {
    name: string;
    about: Pick<BalancerReport, 'made_for' | 'haproxy_version'>;
    callSignal: () => AbortSignal;
  },
): Reporter {
  const { name, about, callSignal } = deps;
  let acknowledged = '';
  let nextAt = 0;
  let told = '';
  return {
    async report(state) {
      const body: BalancerReport = { ...about, ...state };
      const text = JSON.stringify(body);
      const now = performance.now();
      if (now < nextAt && (text === acknowledged || told !== '')) return;
      try {
        // With a key the report goes to the next node as well when it is not certain that this one has it.
        const headers = { [HEADER.idempotencyKey]: randomUUID() };
        await inv.call(balancerRoutes.report, { params: { name }, body, headers, signal: callSignal() });
        if (told !== '') inv.note('Reports are taken again.');
        [acknowledged, told, nextAt] = [text, '', now + BALANCER_REPORT_MS];
      } catch (error) {
        if (inv.io.signal.aborted) return;
        const { message } = reportOf(error);
        if (message !== told) inv.warn(`the cluster does not learn what runs here: ${message}`);
        told = message;
        const seconds = error instanceof ApiError ? (error.problem.retry_after ?? 0) : 0;
        nextAt = now + Math.max(error instanceof ApiError && error.status === 403 ? PAUSE_MS : 1_000, seconds * 1000);
      }
    },
  };
}
