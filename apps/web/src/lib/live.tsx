'use client';

import type { Cluster } from '@quorate/shared/cluster';
import { eventRoutes, type QuorateEvent } from '@quorate/shared/events';
import { type QueryClient, useQueryClient } from '@tanstack/react-query';
import { createContext, type ReactNode, useContext, useEffect, useState } from 'react';
import { resourcesTouchedBy, showEvent } from './live-events';
import { clusterQuery, type Resource } from './queries';

/** With the stream, polling only proves that the node still answers (a half-open connection looks healthy). */
const POLL_WHILE_STREAMING_MS = 10_000;
const POLL_WITHOUT_STREAM_MS = 4_000;
const RETRY_STREAM_MS = [1000, 2000, 5000, 10_000] as const;
/** A burst of events refreshes each list once. */
const REFRESH_DEBOUNCE_MS = 200;

const Streaming = createContext(false);

/** Whether changes arrive over the event stream; without it everything polls. */
export const useStreaming = (): boolean => useContext(Streaming);

/** For `refetchInterval` of the cluster: a safety net while streaming, the fallback otherwise. */
export const useClusterPollMs = (): number => (useStreaming() ? POLL_WHILE_STREAMING_MS : POLL_WITHOUT_STREAM_MS);

/** For `refetchInterval` of lists: none while streaming. */
export const useListPollMs = (): number | false => (useStreaming() ? false : POLL_WITHOUT_STREAM_MS);

const parse = <T,>(message: MessageEvent): T => JSON.parse(message.data as string) as T;

/** Collects stale resources and refetches each once per burst. */
function createRefresher(client: QueryClient) {
  const stale = new Set<Resource>();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const flush = () => {
    timer = undefined;
    for (const resource of stale) void client.invalidateQueries({ queryKey: [resource] });
    stale.clear();
  };
  return {
    add(resources: readonly Resource[]) {
      for (const resource of resources) stale.add(resource);
      timer ??= setTimeout(flush, REFRESH_DEBOUNCE_MS);
    },
    stop: () => clearTimeout(timer),
  };
}

/**
 * Keeps one event stream open while the tab is visible (browsers allow six connections to a plain-HTTP
 * origin) and opens it again when it ends. Returns the function that ends it.
 */
function openStream(client: QueryClient, onState: (streaming: boolean) => void): () => void {
  const refresher = createRefresher(client);
  let source: EventSource | undefined;
  let retry: ReturnType<typeof setTimeout> | undefined;
  let failures = 0;
  let openedBefore = false;

  function close() {
    clearTimeout(retry);
    source?.close();
    source = undefined;
    onState(false);
  }
  function open() {
    close();
    if (document.visibilityState === 'hidden') return;
    const current = new EventSource(eventRoutes.stream.path);
    source = current;
    current.onopen = () => {
      failures = 0;
      onState(true);
      // Events may have passed while there was no stream.
      if (openedBefore)
        refresher.add([
          'events',
          'audit',
          'joins',
          'join-tokens',
          'haproxy',
          'users',
          'api-tokens',
          'failovers',
          'webhooks',
          'alarms',
          'runners',
          'connector',
          'jobs',
          'job-schedules',
          'services',
          'ha',
        ]);
      openedBefore = true;
    };
    current.onerror = () => {
      close();
      // A 401 ends the stream without a status: the poll that starts now will meet it and say so.
      const delay = RETRY_STREAM_MS[Math.min(failures, RETRY_STREAM_MS.length - 1)];
      failures += 1;
      retry = setTimeout(open, delay);
    };
    current.addEventListener('cluster', (message) => {
      client.setQueryData(clusterQuery.queryKey, parse<Cluster>(message));
    });
    current.addEventListener('event', (message) => {
      const event = parse<QuorateEvent>(message);
      showEvent(client, event);
      refresher.add(resourcesTouchedBy(event));
    });
  }
  function onVisibility() {
    if (document.visibilityState === 'hidden') close();
    else {
      void client.invalidateQueries({ queryKey: clusterQuery.queryKey });
      open();
    }
  }

  document.addEventListener('visibilitychange', onVisibility);
  open();
  return () => {
    document.removeEventListener('visibilitychange', onVisibility);
    close();
    refresher.stop();
  };
}

/** Feeds the query cache from the event stream for everything below it. */
export function LiveProvider({ children }: { children: ReactNode }) {
  const client = useQueryClient();
  const [streaming, setStreaming] = useState(false);
  useEffect(() => openStream(client, setStreaming), [client]);
  return <Streaming value={streaming}>{children}</Streaming>;
}
