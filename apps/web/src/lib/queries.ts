import { alarmRoutes, type ClearableAlarm } from '@quorate/shared/alarms';
import { apiTokenRoutes } from '@quorate/shared/api-tokens';
import { auditRoutes } from '@quorate/shared/audit';
import { backupRoutes } from '@quorate/shared/backups';
import type { CallInput, CallResult } from '@quorate/shared/client';
import { clusterRoutes } from '@quorate/shared/cluster';
import { connectorRoutes } from '@quorate/shared/connector';
import { eventRoutes } from '@quorate/shared/events';
import { failoverRoutes } from '@quorate/shared/failovers';
import { haRoutes } from '@quorate/shared/ha';
import { haproxyRoutes } from '@quorate/shared/haproxy';
import { balancerRoutes } from '@quorate/shared/haproxy-balancers';
import { jobScheduleRoutes } from '@quorate/shared/job-schedules';
import { FINAL_JOB_STATES, type Job, type JobState, jobRoutes } from '@quorate/shared/jobs';
import { joinTokenRoutes } from '@quorate/shared/join-tokens';
import { joinRoutes } from '@quorate/shared/joins';
import { keyRoutes } from '@quorate/shared/keys';
import { restoreRoutes } from '@quorate/shared/restore';
import { retentionRoutes } from '@quorate/shared/retention';
import type { RouteDefinition } from '@quorate/shared/route';
import { runnerRoutes } from '@quorate/shared/runners';
import { serviceRoutes } from '@quorate/shared/services';
import { sessionRoutes } from '@quorate/shared/session';
import { setupRoutes } from '@quorate/shared/setup';
import { userRoutes } from '@quorate/shared/users';
import { webhookRoutes } from '@quorate/shared/webhooks';
import { infiniteQueryOptions, type QueryKey, queryOptions } from '@tanstack/react-query';
import { afterLastWrite, call, callFull } from './api';

/** The first part of each key names the resource: live events refresh by it. */
export type Resource =
  | 'setup'
  | 'me'
  | 'cluster'
  | 'alarms'
  | 'keys'
  | 'joins'
  | 'join-tokens'
  | 'events'
  | 'failovers'
  | 'webhooks'
  | 'backups'
  | 'backup-targets'
  | 'retention'
  | 'restore'
  | 'audit'
  | 'haproxy'
  | 'runners'
  | 'connector'
  | 'jobs'
  | 'job-schedules'
  | 'services'
  | 'ha'
  | 'users'
  | 'api-tokens';

const PAGE = 50;

export const setupQuery = queryOptions({
  queryKey: ['setup' satisfies Resource],
  queryFn: ({ signal }) => call(setupRoutes.get, { signal }),
});

export const meQuery = queryOptions({
  queryKey: ['me' satisfies Resource],
  queryFn: ({ signal }) => call(sessionRoutes.me, { signal }),
  staleTime: 60_000,
});

export const clusterQuery = queryOptions({
  queryKey: ['cluster' satisfies Resource],
  queryFn: ({ signal }) => call(clusterRoutes.get, { signal }),
});

export const alarmsQuery = queryOptions({
  queryKey: ['alarms' satisfies Resource],
  queryFn: ({ signal }) => call(alarmRoutes.list, { signal }),
});

/** The steps that clear an alarm; watched closely while they are carried out. */
export const alarmClearingQuery = (code: ClearableAlarm) =>
  queryOptions({
    queryKey: ['alarms' satisfies Resource, 'clearing', code],
    queryFn: ({ signal }) => call(alarmRoutes.clearing, { params: { code }, signal }),
    refetchInterval: (query) => (query.state.data?.operation?.state === 'running' ? 500 : 5_000),
    gcTime: 0,
  });

export const keysQuery = queryOptions({
  queryKey: ['keys' satisfies Resource],
  queryFn: ({ signal }) => call(keyRoutes.get, { signal, headers: afterLastWrite() }),
  // What the members report moves without an event of its own.
  refetchInterval: (query) => (query.state.data?.ca_rotation?.state === 'running' ? 1000 : 30_000),
});

export const joinsQuery = queryOptions({
  queryKey: ['joins' satisfies Resource],
  queryFn: ({ signal }) => call(joinRoutes.list, { query: { limit: 20 }, signal }),
  // Progress moves without an event of its own, so a running join is watched closely.
  refetchInterval: (query) => (query.state.data?.items.some((join) => join.state === 'running') ? 1000 : false),
});

type PageRoute =
  | typeof eventRoutes.list
  | typeof auditRoutes.list
  | typeof joinTokenRoutes.list
  | typeof userRoutes.list;

/** Cursor pages of a list route, newest first. Filters become part of the key. */
function pages<R extends RouteDefinition>(
  resource: Resource,
  route: R,
  filter: Record<string, string | number | undefined>,
) {
  type Page = CallResult<R> & { next_cursor: string | null };
  return infiniteQueryOptions({
    queryKey: [resource, 'pages', filter],
    queryFn: async ({ pageParam, signal }): Promise<Page> => {
      const query = { ...filter, limit: PAGE, cursor: pageParam ?? undefined };
      // The filter's keys are those of the route's query; the generic type cannot show it.
      const input = { query, signal, headers: afterLastWrite() } as unknown as Parameters<typeof call<PageRoute>>[1];
      return (await call(route as unknown as PageRoute, input)) as unknown as Page;
    },
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
  });
}

export interface EventFilter {
  type?: string | undefined;
  namespace?: string | undefined;
  source?: number | undefined;
}
export interface JobFilter {
  state?: JobState | undefined;
  kind?: string | undefined;
  schedule_id?: string | undefined;
  runner_id?: string | undefined;
}
export interface AuditFilter {
  actor?: string | undefined;
  action?: string | undefined;
}

export const eventsQuery = (filter: EventFilter) => pages('events', eventRoutes.list, { ...filter });
export const failoversQuery = pages('failovers', failoverRoutes.list, {});
export const webhooksQuery = pages('webhooks', webhookRoutes.list, {});
export const backupsQuery = pages('backups', backupRoutes.list, {});
export const backupTargetsQuery = pages('backup-targets', backupRoutes.targets, {});
export const auditQuery = (filter: AuditFilter) => pages('audit', auditRoutes.list, { ...filter });
export const joinTokensQuery = pages('join-tokens', joinTokenRoutes.list, {});
export const usersQuery = pages('users', userRoutes.list, {});
export const apiTokensQuery = pages('api-tokens', apiTokenRoutes.list, {});
/** Load and connections move without an event. */
export const runnersQuery = { ...pages('runners', runnerRoutes.list, {}), refetchInterval: 4_000 };
export const haFailoversQuery = pages('ha', haRoutes.failovers, {});
/** Those that have a replica on a runner, or all. Replicas start and become healthy without an event each. */
export const servicesOnQuery = (filter: { runner_id?: string }) => ({
  ...pages('services', serviceRoutes.list, filter),
  refetchInterval: 2_500,
});
export const servicesQuery = servicesOnQuery({});
/** So do the steps of a job, and that somebody submitted one. */
export const jobsQuery = (filter: JobFilter) => ({
  ...pages('jobs', jobRoutes.list, { ...filter }),
  refetchInterval: 2_000,
});
export const revisionsQuery = pages('haproxy', haproxyRoutes.revisions, {});

export const jobSummaryQuery = queryOptions({
  queryKey: ['jobs' satisfies Resource, 'summary'],
  queryFn: ({ signal }) => call(jobRoutes.summary, { signal, headers: afterLastWrite() }),
  refetchInterval: 4_000,
});
/** Their next and last runs come without an event. */
export const jobSchedulesQuery = { ...pages('job-schedules', jobScheduleRoutes.list, {}), refetchInterval: 10_000 };

/** Nothing happens to such a job any more by itself. */
export const isFinal = ({ state }: Pick<Job, 'state'>): boolean =>
  (FINAL_JOB_STATES as readonly JobState[]).includes(state);

/** One that goes on is watched closely. */
export const jobQuery = (id: string) =>
  queryOptions({
    queryKey: ['jobs' satisfies Resource, 'one', id],
    queryFn: ({ signal }) => call(jobRoutes.get, { params: { id }, signal, headers: afterLastWrite() }),
    refetchInterval: (query) => (query.state.data && isFinal(query.state.data) ? 10_000 : 1000),
  });

/** Settings with their ETag. */
const settings = <R extends RouteDefinition>(key: readonly [Resource, ...string[]], route: R) =>
  queryOptions({
    queryKey: key as QueryKey,
    queryFn: async ({ signal }) => {
      const { data, headers } = await callFull(route, { signal, headers: afterLastWrite() } as CallInput<R>);
      return { settings: data, etag: headers.get('etag') };
    },
  });

export const backupScheduleQuery = settings(['backups', 'schedule'], backupRoutes.schedule);
export const backupEncryptionQuery = settings(['backups', 'encryption'], backupRoutes.encryption);
export const haproxySettingsQuery = settings(['haproxy', 'settings'], haproxyRoutes.getSettings);
/** What the nodes find out of the upstream moves without an event. */
export const connectorQuery = queryOptions({ ...settings(['connector'], connectorRoutes.get), refetchInterval: 2_000 });
/** Updates go on, and moves come near, without an event each. */
export const haQuery = { ...settings(['ha'], haRoutes.get), refetchInterval: 2_000 };
export const retentionQuery = settings(['retention'], retentionRoutes.get);

/** One schedule with its ETag. */
export const jobScheduleQuery = (id: string) =>
  queryOptions({
    queryKey: ['job-schedules' satisfies Resource, 'one', id] as QueryKey,
    queryFn: async ({ signal }) => {
      const input = { params: { id }, signal, headers: afterLastWrite() };
      const { data, headers } = await callFull(jobScheduleRoutes.get, input);
      return { settings: data, etag: headers.get('etag') };
    },
  });

/** One service with its ETag. */
export const serviceQuery = (name: string) =>
  queryOptions({
    queryKey: ['services' satisfies Resource, 'one', name] as QueryKey,
    queryFn: async ({ signal }) => {
      const { data, headers } = await callFull(serviceRoutes.get, {
        params: { name },
        signal,
        headers: afterLastWrite(),
      });
      return { settings: data, etag: headers.get('etag') };
    },
    refetchInterval: 1_500,
  });

/** What autoscaling decided, newest first; new ones come without an event. */
export const scalingDecisionsQuery = (name: string) =>
  infiniteQueryOptions({
    queryKey: ['services' satisfies Resource, 'decisions', name],
    queryFn: ({ pageParam, signal }) =>
      call(serviceRoutes.decisions, {
        params: { name },
        query: { limit: PAGE, cursor: pageParam ?? undefined },
        signal,
      }),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
    refetchInterval: 4_000,
  });

/** What it was before; nothing is added without a change of the service itself. */
export const serviceRevisionsQuery = (name: string) =>
  queryOptions({
    queryKey: ['services' satisfies Resource, 'revisions', name],
    queryFn: ({ signal }) => call(serviceRoutes.revisions, { params: { name }, signal, headers: afterLastWrite() }),
  });

/** The restore that runs, or the last one. */
export const restoreQuery = queryOptions({
  queryKey: ['restore' satisfies Resource],
  queryFn: ({ signal }) => call(restoreRoutes.get, { signal }),
  refetchInterval: (query) => (query.state.data?.operation?.state === 'running' ? 700 : 10_000),
});

/** Deliveries of one webhook, newest event first. */
export const webhookDeliveriesQuery = (id: string) =>
  infiniteQueryOptions({
    queryKey: ['webhooks' satisfies Resource, 'deliveries', id],
    queryFn: ({ pageParam, signal }) =>
      call(webhookRoutes.deliveries, {
        params: { id },
        query: { limit: PAGE, cursor: pageParam ?? undefined },
        signal,
      }),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
  });

export const haproxyConfigQuery = queryOptions({
  queryKey: ['haproxy' satisfies Resource, 'config'],
  queryFn: async ({ signal }) => {
    const { data, headers } = await callFull(haproxyRoutes.config, { signal, headers: afterLastWrite() });
    return { text: data, etag: headers.get('etag') };
  },
});

export const balancersQuery = queryOptions({
  queryKey: ['haproxy' satisfies Resource, 'balancers'],
  queryFn: ({ signal }) => call(balancerRoutes.list, { signal, headers: afterLastWrite() }),
  // Signs of life, and replicas that come and go, make no event.
  refetchInterval: 4_000,
});

export const revisionQuery = (revision: number) =>
  queryOptions({
    queryKey: ['haproxy' satisfies Resource, 'revision', revision],
    queryFn: ({ signal }) => call(haproxyRoutes.revision, { params: { revision }, signal }),
    staleTime: Number.POSITIVE_INFINITY,
  });

/** The quorum before and after a removal; nothing is changed. */
export const removalPreviewQuery = (id: number, force: boolean) =>
  queryOptions({
    queryKey: ['cluster' satisfies Resource, 'removal-preview', id, force],
    queryFn: ({ signal }) =>
      call(clusterRoutes.removeMember, { params: { id }, query: { dry_run: '1', force: force ? '1' : '0' }, signal }),
    gcTime: 0,
  });
