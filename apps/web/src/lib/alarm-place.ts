import type { Alarm, AlarmCode } from '@quorate/shared/alarms';

interface Place {
  href: string;
  label: string;
}

const MEMBERS: Place = { href: '/members', label: 'Members' };
const KEYS: Place = { href: '/settings#keys', label: 'Certificates and keys' };
const PLACES: Partial<Record<AlarmCode, Place>> = {
  member_down: MEMBERS,
  quorum_at_risk: MEMBERS,
  quorum_lost: MEMBERS,
  clock_offset: MEMBERS,
  upgrade_required: MEMBERS,
  state_diverged: MEMBERS,
  certificate_expiring: KEYS,
  ca_expiring: KEYS,
  upstream_unconnected: { href: '/connector', label: 'Connector' },
  backup_overdue: { href: '/backups', label: 'Backups' },
};

/** The page of the console where something can be done about an alarm, if there is one. */
export const alarmPlace = ({ code }: Pick<Alarm, 'code'>): Place | undefined => PLACES[code];
