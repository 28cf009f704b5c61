import type { Member } from '@quorate/shared/cluster';
import Link from 'next/link';
import { Expiry, Lag, MemberName } from '@/components/member-cells';
import { HealthBadge } from '@/components/status';
import { buttonClass } from '@/components/ui/button';
import { Panel } from '@/components/ui/panel';
import { asSentence } from '@/lib/format';

/** Every member in one row: role, health, lag, version, certificate. */
export function MembersStrip({ members }: { members: readonly Member[] }) {
  const link = (
    <Link href="/members" className={buttonClass('ghost', 'sm')}>
      All details
    </Link>
  );
  return (
    <Panel title="Members" flush actions={link}>
      <ul className="divide-y">
        {members.map((member) => (
          <li
            key={member.id}
            className="grid grid-cols-3 items-center gap-x-4 gap-y-2 px-3.5 py-2.5 md:grid-cols-[minmax(0,2fr)_minmax(0,1.4fr)_repeat(3,minmax(0,1fr))]"
          >
            <div className="col-span-3 md:col-span-1">
              <MemberName member={member} />
            </div>
            <div className="col-span-3 min-w-0 md:col-span-1">
              <HealthBadge health={member.health} />
              {member.health_detail ? (
                <p className="mt-1 line-clamp-2 text-ink-2 text-xs" title={member.health_detail}>
                  {asSentence(member.health_detail)}
                </p>
              ) : null}
            </div>
            <Cell label="Lag">
              <Lag lag={member.lag} />
            </Cell>
            <Cell label="Version">{member.version || '–'}</Cell>
            <Cell label="Certificate">
              <Expiry at={member.certificate_expires_at} />
            </Cell>
          </li>
        ))}
      </ul>
    </Panel>
  );
}

const Cell = ({ label, children }: { label: string; children: React.ReactNode }) => (
  <div className="min-w-0">
    <p className="text-2xs text-ink-3 leading-4">{label}</p>
    <p className="truncate text-ink">{children}</p>
  </div>
);
