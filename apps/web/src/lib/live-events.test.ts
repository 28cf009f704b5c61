import { namespaceOf, type QuorateEvent } from '@quorate/shared/events';
import { QueryClient } from '@tanstack/react-query';
import { expect, it } from 'vitest';
import { resourcesTouchedBy, showEvent } from './live-events';
import { eventsQuery } from './queries';

const event = (seq: number, type: QuorateEvent['type']): QuorateEvent => ({
  seq,
  id: String(seq),
  type,
  namespace: namespaceOf(type),
  local: false,
  timestamp: '2026-03-01T12:00:00Z',
  event_src_id: 1,
  index: seq,
  term: 1,
  at: '2026-03-01T12:00:00Z',
  actor: '',
  message: '',
  data: {},
});

function cached(client: QueryClient, filter: { namespace?: string; type?: string }, events: QuorateEvent[]) {
  const { queryKey } = eventsQuery(filter);
  client.setQueryData(queryKey, { pages: [{ items: events, next_cursor: null }], pageParams: [null] });
  return () => client.getQueryData(queryKey)?.pages.flatMap((page) => page.items.map((item) => item.seq));
}

it('shows an event once, on top, in the lists whose filter it passes', () => {
  const client = new QueryClient();
  const all = cached(client, {}, [event(2, 'member.learner'), event(1, 'member.admitted')]);
  const members = cached(client, { namespace: 'member' }, [event(1, 'member.admitted')]);
  const users = cached(client, { type: 'user.created' }, []);
  showEvent(client, event(3, 'member.promoted'));
  showEvent(client, event(3, 'member.promoted'));
  expect([all(), members(), users()]).toEqual([[3, 2, 1], [3, 1], []]);
});

it('keeps the order when an older event arrives late', () => {
  const client = new QueryClient();
  const all = cached(client, {}, [event(5, 'user.created'), event(3, 'user.created')]);
  showEvent(client, event(4, 'user.updated'));
  expect(all()).toEqual([5, 4, 3]);
});

it('refreshes what an event may have changed, and the audit', () => {
  expect(resourcesTouchedBy(event(1, 'join_token.redeemed'))).toEqual(['join-tokens', 'joins', 'audit']);
  expect(resourcesTouchedBy(event(1, 'alarm.raised'))).toEqual(['alarms', 'audit']);
});
