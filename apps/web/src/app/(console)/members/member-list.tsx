'use client';

import type { Member } from '@quorate/shared/cluster';
import { ACTIONS } from '@/components/actions-menu';
import { DataList } from '@/components/data-list';
import { Expiry, Lag, MemberName } from '@/components/member-cells';
import { HealthBadge } from '@/components/status';
import { Time } from '@/components/time';
import { Facts } from '@/components/ui/panel';
import { asSentence, formatInt, formatMs } from '@/lib/format';
import { Addresses } from './addresses';
import { MemberMenu } from './member-menu';
import type { MemberActions } from './members';

interface MemberListProps {
  members: readonly Member[];
  actions: MemberActions;
}

export function MemberList({ members, actions }: MemberListProps) {
  return (
    <DataList
      label="Members"
      rows={members}
      keyOf={({ id }) => id}
      from="xl"
      columns={[
        { head: 'Member', className: 'whitespace-nowrap', cell: (member) => <MemberName member={member} /> },
        { head: 'Health', className: 'min-w-40 max-w-60', cell: (member) => <Health member={member} /> },
        {
          head: 'Applied index',
          right: true,
          className: 'whitespace-nowrap',
          cell: (member) => (
            <>
              {member.applied_index === null ? '–' : formatInt(member.applied_index)}
              <p className="text-xs">
                <Lag lag={member.lag} />
              </p>
            </>
          ),
        },
        {
          head: 'Round trip',
          right: true,
          className: 'whitespace-nowrap',
          cell: (member) => (
            <>
              {formatMs(member.round_trip_ms)}
              <p className="text-ink-3 text-xs">clock {formatMs(member.clock_offset_ms)}</p>
            </>
          ),
        },
        {
          head: 'Version',
          className: 'whitespace-nowrap',
          cell: (member) => (
            <>
              {member.version || '–'}
              {member.etcd_version ? <p className="text-ink-3 text-xs">etcd {member.etcd_version}</p> : null}
            </>
          ),
        },
        { head: 'Addresses', cell: (member) => <Addresses member={member} /> },
        {
          head: 'Certificate',
          className: 'whitespace-nowrap',
          cell: (member) => <Expiry at={member.certificate_expires_at} />,
        },
        { ...ACTIONS, cell: (member) => <MemberMenu member={member} actions={actions} /> },
      ]}
      card={(member) => <MemberCard member={member} actions={actions} />}
    />
  );
}

function MemberCard({ member, actions }: { member: Member; actions: MemberActions }) {
  return (
    <>
      <div className="flex items-start gap-2">
        <div className="min-w-0 flex-1 space-y-1.5">
          <MemberName member={member} />
          <Health member={member} />
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
    </>
  );
}

const Health = ({ member }: { member: Member }) => (
  <>
    <HealthBadge health={member.health} />
    <HealthDetail member={member} />
  </>
);

/** Why the health is what it is, and when the member was last seen if it does not answer. */
function HealthDetail({ member }: { member: Member }) {
  if (member.health === 'healthy') return null;
  return (
    <div className="mt-1 text-ink-2 text-xs">
      {member.health_detail ? <p>{asSentence(member.health_detail)}</p> : null}
      {member.last_seen_at ? (
        <p className="text-ink-3">
          last seen <Time at={member.last_seen_at} />
        </p>
      ) : null}
    </div>
  );
}
