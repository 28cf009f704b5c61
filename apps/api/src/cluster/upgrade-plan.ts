import type { Member, Upgrade } from '@quorate/shared/cluster';

type Seen = Pick<Member, 'id' | 'name' | 'version' | 'leader' | 'health'>;

const byVersion = (a: string, b: string): number => a.localeCompare(b, 'en', { numeric: true });

/** Ascending. */
export const versionsOf = (members: readonly Pick<Member, 'version'>[]): string[] =>
  [...new Set(members.map(({ version }) => version))].sort(byVersion);

/**
 * The next step while members run different versions: one at a time, each healthy before the next, and the leader last,
 * so that leadership moves once. Null when all run the same. Pure.
 */
export function planUpgrade(members: readonly Seen[]): Upgrade | null {
  const versions = versionsOf(members);
  const [from, to] = [versions[0], versions.at(-1)];
  if (from === undefined || to === undefined || from === to) return null;
  const older = members.filter(({ version }) => version !== to).sort((a, b) => Number(a.leader) - Number(b.leader));
  const skew = `Members run ${versions.join(' and ')}; what is new in ${to} waits until all do.`;
  const waiting = members.find(({ version, health }) => version === to && health !== 'healthy');
  const target = older[0];
  const plan = { from, to, remaining: older.length };
  if (waiting || !target) {
    return { ...plan, next: null, sentence: `${skew} Wait until ${waiting?.name ?? 'every member'} is healthy.` };
  }
  const { id, name } = target;
  const how = target.leader ? `${name}, the leader, comes last: stopping it hands leadership over` : `Next: ${name}`;
  return { ...plan, next: { id, name }, sentence: `${skew} ${how}.` };
}
