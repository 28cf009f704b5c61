'use client';

import type { HaproxyBalancer } from '@quorate/shared/haproxy-balancers';
import type { JobSummary } from '@quorate/shared/jobs';
import type { Runner } from '@quorate/shared/runners';
import type { Service } from '@quorate/shared/services';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { balancersQuery, jobSummaryQuery, runnersQuery, servicesQuery } from '@/lib/queries';

/** What the cluster runs; of long lists the first page. */
export interface Work {
  readonly runners: readonly Runner[];
  readonly services: readonly Service[];
  readonly jobs: JobSummary;
  readonly balancers: readonly HaproxyBalancer[];
}

/** Undefined until all of it is there. */
export function useWork(): Work | undefined {
  const runners = useInfiniteQuery({ ...runnersQuery, refetchInterval: 10_000 });
  const services = useInfiniteQuery({ ...servicesQuery, refetchInterval: 10_000 });
  const jobs = useQuery({ ...jobSummaryQuery, refetchInterval: 10_000 });
  const balancers = useQuery({ ...balancersQuery, refetchInterval: 10_000 });
  if (!runners.data || !services.data || !jobs.data || !balancers.data) return undefined;
  return {
    runners: runners.data.pages.flatMap((page) => page.items),
    services: services.data.pages.flatMap((page) => page.items),
    jobs: jobs.data,
    balancers: balancers.data.items,
  };
}
