'use client';

import { type EventType, type QuorateEvent, topicOf } from '@quorate/shared/events';
import {
  Archive,
  BellRing,
  Boxes,
  Cpu,
  Crown,
  Database,
  KeyRound,
  LogIn,
  type LucideIcon,
  Network,
  ShieldCheck,
  Split,
  SquareTerminal,
  UserRound,
  Waypoints,
  Webhook,
} from 'lucide-react';
import { cn } from '@/lib/cn';
import { Time } from './time';
import { TONE_TEXT, type Tone } from './ui/badge';

const ICONS: Record<string, LucideIcon> = {
  cluster: Waypoints,
  leadership: Crown,
  state: Waypoints,
  members: Network,
  member: Network,
  peer: Network,
  join_token: KeyRound,
  user: UserRound,
  api_token: KeyRound,
  session: LogIn,
  haproxy: Split,
  join: Network,
  snapshot: Archive,
  backup: Archive,
  failover: Crown,
  webhook: Webhook,
  log: Database,
  alarm: BellRing,
  runner: Cpu,
  job: SquareTerminal,
  service: Boxes,
  replica: Boxes,
  ha: ShieldCheck,
};

const TONES: Partial<Record<EventType, Tone>> = {
  'leadership.lost': 'warn',
  'state.is_leaderless': 'bad',
  'state.has_leader': 'ok',
  'peer.disconnected': 'warn',
  'peer.connected': 'ok',
  'member.promoted': 'ok',
  'member.removed': 'warn',
  'session.failed': 'warn',
  'state.ro': 'bad',
  'state.rw': 'ok',
  'join.failed': 'warn',
  'snapshot.failed': 'bad',
  'backup.failed': 'bad',
  'webhook.failing': 'warn',
  'webhook.recovered': 'ok',
  'alarm.raised': 'bad',
  'alarm.cleared': 'ok',
  'runner.online': 'ok',
  'runner.offline': 'bad',
  'runner.failing': 'bad',
  'runner.recovered': 'ok',
  'runner.drained': 'warn',
  'job.failed': 'bad',
  'service.rolled_back': 'warn',
  'service.rollout_failed': 'bad',
  'replica.unhealthy': 'bad',
  'replica.recovered': 'ok',
  'replica.moved': 'warn',
  'ha.update_failed': 'bad',
};

interface EventListProps {
  events: readonly QuorateEvent[];
  /** One line each, without where it comes from. */
  compact?: boolean;
  /** Events after this sequence number came in while looking: they are marked for a moment. */
  newAfterSeq?: number;
}

/** Events, newest first. */
export function EventList({ events, compact = false, newAfterSeq }: EventListProps) {
  return (
    <ol className="divide-y">
      {events.map((event) => {
        const Icon = ICONS[topicOf(event.type)] ?? Waypoints;
        const tone = TONES[event.type] ?? 'plain';
        return (
          <li
            key={event.id}
            className={cn(
              'flex items-start gap-2.5 px-3.5 py-2',
              newAfterSeq !== undefined && event.seq > newAfterSeq && 'just-in',
            )}
          >
            <Icon aria-hidden className={cn('mt-0.5 size-4 shrink-0', TONE_TEXT[tone])} strokeWidth={1.75} />
            <div className="min-w-0 flex-1">
              <p className="break-words text-ink">{event.message}</p>
              <p className="flex flex-wrap gap-x-2 text-ink-3 text-xs">
                <code className="font-mono text-2xs leading-4.5">{event.type}</code>
                {compact ? null : (
                  <>
                    <Time at={event.at} className="sm:hidden" />
                    {event.actor ? <span>by {event.actor}</span> : null}
                    <span>
                      {event.local ? 'seen by ' : ''}node {event.event_src_id}
                    </span>
                    <span className="max-sm:hidden">index {event.index}</span>
                  </>
                )}
              </p>
            </div>
            <Time
              at={event.at}
              show={compact ? 'relative' : 'stacked'}
              className={cn('shrink-0 text-right text-ink-2 text-xs', !compact && 'max-sm:hidden')}
            />
          </li>
        );
      })}
    </ol>
  );
}
