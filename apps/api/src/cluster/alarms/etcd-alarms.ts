import type { ClearableAlarm } from '@quorate/shared/alarms';

/** Numbers of etcd's AlarmType. */
export const ALARM_NUMBERS: Record<ClearableAlarm, number> = { etcd_no_space: 1, etcd_corrupt: 2 };
const NAMES: Record<string, ClearableAlarm> = { NOSPACE: 'etcd_no_space', CORRUPT: 'etcd_corrupt' };

/** Alarms as `Status` spells them: `memberID:10501334649042878790 alarm:NOSPACE`. */
export function parseEtcdAlarms(errors: readonly string[]): { memberId: string; code: ClearableAlarm }[] {
  return errors.flatMap((text) => {
    const match = /^memberID:(\d+) alarm:(\w+)/.exec(text.trim());
    const code = NAMES[match?.[2] ?? ''];
    return match?.[1] && code ? [{ memberId: match[1], code }] : [];
  });
}
