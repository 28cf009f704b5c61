'use client';

import type { Member } from '@quorate/shared/cluster';
import { Expiry, Lag, MemberName } from '@/components/member-cells';
import { HealthBadge } from '@/components/status';
import { Facts } from '@/components/ui/panel';
import { formatInt, formatMs } from '@/lib/format';
import { Addresses } from './addresses';
import { MemberMenu } from './member-menu';
import { HealthDetail } from './member-table';
import type { MemberActions } from './members';

interface MemberListProps {
  members: readonly Member[];
  actions: MemberActions;
}

/** The form for narrow screens: one card a member. */
export function MemberCards({ members, actions }: MemberListProps) {
  return (
    <ul className="divide-y xl:hidden">
      {members.map((member) => (
        <li key={member.id} className="space-y-3 p-3.5">
          <div className="flex items-start gap-2">
            <div className="min-w-0 flex-1 space-y-1.5">
              <MemberName member={member} />
              <HealthBadge health={member.health} />
              <HealthDetail member={member} />
            </div>
            <MemberMenu member={member} actions={actions} />
          </div>
          <Facts
            items={[
              {
                label: 'Applied',
                value: member.applied_index === null ? '–' : `index ${formatInt(member.applied_index)}`,
              },
              { label: 'Lag', value: <Lag lag={member.lag} /> },
              {
                label: 'Round trip',
                value: `${formatMs(member.round_trip_ms)} · clock ${formatMs(member.clock_offset_ms)}`,
              },
              {
                label: 'Version',
                value: `${member.version || '–'}${member.etcd_version ? ` · etcd ${member.etcd_version}` : ''}`,
              },
              { label: 'Certificate', value: <Expiry at={member.certificate_expires_at} /> },
              { label: 'Addresses', value: <Addresses member={member} /> },
            ]}
          />
        </li>
      ))}
    </ul>
  );
}
