'use client';

import type { Member } from '@quorate/shared/cluster';
import { Expiry, Lag, MemberName } from '@/components/member-cells';
import { HealthBadge } from '@/components/status';
import { Time } from '@/components/time';
import { Table, Td, Th, Tr } from '@/components/ui/table';
import { asSentence, formatInt, formatMs } from '@/lib/format';
import { Addresses } from './addresses';
import { MemberMenu } from './member-menu';
import type { MemberActions } from './members';

interface MemberListProps {
  members: readonly Member[];
  actions: MemberActions;
}

/** The dense form, where it fits without scrolling. */
export function MemberTable({ members, actions }: MemberListProps) {
  return (
    <div className="hidden xl:block">
      <Table label="Members">
        <thead>
          <tr>
            <Th>Member</Th>
            <Th>Health</Th>
            <Th className="text-right">Applied index</Th>
            <Th className="text-right">Round trip</Th>
            <Th>Version</Th>
            <Th>Addresses</Th>
            <Th>Certificate</Th>
            <Th>
              <span className="sr-only">Actions</span>
            </Th>
          </tr>
        </thead>
        <tbody>
          {members.map((member) => (
            <Tr key={member.id}>
              <Td className="whitespace-nowrap">
                <MemberName member={member} />
              </Td>
              <Td className="min-w-40 max-w-60">
                <HealthBadge health={member.health} />
                <HealthDetail member={member} />
              </Td>
              <Td className="whitespace-nowrap text-right">
                {member.applied_index === null ? '–' : formatInt(member.applied_index)}
                <p className="text-xs">
                  <Lag lag={member.lag} />
                </p>
              </Td>
              <Td className="whitespace-nowrap text-right">
                {formatMs(member.round_trip_ms)}
                <p className="text-ink-3 text-xs">clock {formatMs(member.clock_offset_ms)}</p>
              </Td>
              <Td className="whitespace-nowrap">
                {member.version || '–'}
                {member.etcd_version ? <p className="text-ink-3 text-xs">etcd {member.etcd_version}</p> : null}
              </Td>
              <Td>
                <Addresses member={member} />
              </Td>
              <Td className="whitespace-nowrap">
                <Expiry at={member.certificate_expires_at} />
              </Td>
              <Td className="w-10 text-right">
                <MemberMenu member={member} actions={actions} />
              </Td>
            </Tr>
          ))}
        </tbody>
      </Table>
    </div>
  );
}

/** Why the health is what it is, and when the member was last seen if it does not answer. */
export function HealthDetail({ member }: { member: Member }) {
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
