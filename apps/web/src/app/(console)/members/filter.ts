import type { Member } from '@quorate/shared/cluster';

export const SHOW = ['all', 'voters', 'learners', 'problems'] as const;
export type Show = (typeof SHOW)[number];

const PASSES: Record<Show, (member: Member) => boolean> = {
  all: () => true,
  voters: (member) => member.suffrage === 'voter',
  learners: (member) => member.suffrage !== 'voter',
  problems: (member) => member.health !== 'healthy',
};

/** Members that pass the filter and hold `text` in their name, id or an address. */
export function filterMembers(members: readonly Member[], show: Show, text: string): readonly Member[] {
  const wanted = text.trim().toLowerCase();
  return members.filter((member) => {
    if (!PASSES[show](member)) return false;
    const words = [member.name, `node ${member.id}`, member.cluster_address, member.raft_peer_address, member.api_url];
    return words.some((word) => word.toLowerCase().includes(wanted));
  });
}
