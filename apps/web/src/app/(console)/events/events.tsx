'use client';

import { EVENT_TYPES, LOCAL_TOPICS, namespaceOf, topicOf } from '@quorate/shared/events';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { Radio } from 'lucide-react';
import { parseAsInteger, parseAsString, parseAsStringLiteral, useQueryState, useQueryStates } from 'nuqs';
import { useState } from 'react';
import { EventList } from '@/components/event-list';
import { ListStates } from '@/components/list-states';
import { Page } from '@/components/page';
import { EmptyState } from '@/components/states';
import { Button } from '@/components/ui/button';
import { Panel } from '@/components/ui/panel';
import { Select } from '@/components/ui/select';
import { Tabs } from '@/components/ui/tabs';
import { useListPollMs } from '@/lib/live';
import { clusterQuery, type EventFilter, eventsQuery } from '@/lib/queries';
import { FailoversPanel } from './failovers-panel';

/** `cluster` first, then the topics by themselves: `member` is narrower than `cluster`. */
const NAMESPACES = [...new Set([...EVENT_TYPES.map(namespaceOf), ...EVENT_TYPES.map(topicOf)])];
const FILTERS = {
  namespace: parseAsString.withDefault(''),
  type: parseAsString.withDefault(''),
  node: parseAsInteger,
};

const namespaceOptions = [
  { value: '', label: 'Everything' },
  ...NAMESPACES.map((namespace) => ({ value: namespace, label: namespace.replaceAll('_', ' ') })),
];
const isIn = (type: string, namespace: string): boolean =>
  !namespace || namespaceOf(type) === namespace || topicOf(type) === namespace;
const typeOptions = (namespace: string) => [
  { value: '', label: 'Every type' },
  ...EVENT_TYPES.filter((type) => isIn(type, namespace)).map((type) => ({ value: type, label: type })),
];

const TABS = ['events', 'failovers'] as const;

export function Events() {
  const [tab, setTab] = useQueryState('tab', parseAsStringLiteral(TABS).withDefault('events'));
  return (
    <Page
      title="Events"
      description="What happened in the cluster, newest first. New ones appear on top by themselves."
    >
      <Tabs
        label="Events"
        value={tab}
        onValueChange={(value) => void setTab(value)}
        tabs={[
          { value: 'events', label: 'Events', content: <EventsTab /> },
          { value: 'failovers', label: 'Failovers', content: <FailoversPanel /> },
        ]}
      />
    </Page>
  );
}

function EventsTab() {
  const [{ namespace, type, node }, setFilters] = useQueryStates(FILTERS);
  const cluster = useQuery(clusterQuery);
  const filter: EventFilter = {
    ...(namespace ? { namespace } : {}),
    ...(type ? { type } : {}),
    ...(node === null ? {} : { source: node }),
  };
  const filtered = Object.keys(filter).length > 0;
  const self = cluster.data?.members.find((member) => member.self)?.name;
  const clear = () => void setFilters({ namespace: null, type: null, node: null });
  const nodeOptions = [
    { value: '', label: 'Every node' },
    ...(cluster.data?.members ?? []).map(({ id, name }) => ({ value: String(id), label: name })),
  ];
  return (
    <div className="space-y-4">
      <search className="flex flex-wrap items-center gap-2">
        <Select
          aria-label="Namespace"
          className="w-full sm:w-44"
          options={namespaceOptions}
          value={namespace}
          onChange={(event) => void setFilters({ namespace: event.target.value || null, type: null })}
        />
        <Select
          aria-label="Type"
          className="w-full sm:w-60"
          options={typeOptions(namespace)}
          value={type}
          onChange={(event) => void setFilters({ type: event.target.value || null })}
        />
        <Select
          aria-label="Source"
          className="w-full sm:w-40"
          options={nodeOptions}
          value={node === null ? '' : String(node)}
          onChange={(event) => void setFilters({ node: event.target.value ? Number(event.target.value) : null })}
        />
        {filtered ? (
          <Button variant="ghost" onClick={clear}>
            Clear
          </Button>
        ) : null}
      </search>
      {LOCAL_TOPICS.has(type ? topicOf(type) : namespace) ? (
        <p className="text-ink-2 text-sm">
          Each node keeps what it alone has seen: here is what {self ?? 'the node that answers'} saw. Alarms of the
          whole cluster are with the node that led.
        </p>
      ) : null}
      <EventPages key={`${namespace} ${type} ${node}`} filter={filter} filtered={filtered} onClear={clear} />
    </div>
  );
}

interface EventPagesProps {
  filter: EventFilter;
  filtered: boolean;
  onClear: () => void;
}

function EventPages({ filter, filtered, onClear }: EventPagesProps) {
  const events = useInfiniteQuery({ ...eventsQuery(filter), refetchInterval: useListPollMs() });
  const items = events.data?.pages.flatMap((page) => page.items) ?? [];
  // What was there when the list opened is not news.
  const [seenSeq, setSeenSeq] = useState<number>();
  if (seenSeq === undefined && events.isSuccess) setSeenSeq(items[0]?.seq ?? 0);
  return (
    <Panel flush>
      <ListStates
        query={events}
        count={items.length}
        rows={8}
        empty={
          <EmptyState
            icon={Radio}
            title={filtered ? 'No event passes the filter' : 'Nothing happened yet'}
            cli="quorate event --follow"
            action={filtered ? <Button onClick={onClear}>Show all events</Button> : undefined}
          />
        }
      >
        <EventList events={items} {...(seenSeq === undefined ? {} : { newAfterSeq: seenSeq })} />
      </ListStates>
    </Panel>
  );
}
