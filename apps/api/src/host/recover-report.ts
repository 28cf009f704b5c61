import { type Candidate, possibleLosses } from '../cluster/recovery/survivor';

/** What recover found, as JSON and as lines. */
export interface RecoverPlan {
  readonly data_dir: string;
  readonly node_id: number;
  readonly candidates: readonly {
    readonly path: string;
    readonly epoch: number;
    readonly state_index: number;
    readonly journal_index: number | null;
    readonly journal_problem: string;
    readonly last_change_at: string;
    readonly chain: string;
  }[];
  readonly rejected: readonly { readonly path: string; readonly why: string }[];
  /** Path of the candidate that is taken. */
  readonly chosen: string;
  readonly could_be_lost: readonly string[];
  readonly removed_members: readonly { readonly id: number; readonly name: string }[];
}

export function planOf(options: {
  dataDir: string;
  nodeId: number;
  ranked: readonly Candidate[];
  rejected: readonly { path: string; why: string }[];
  chosen: Candidate;
}): RecoverPlan {
  const { chosen, ranked, nodeId } = options;
  return {
    data_dir: options.dataDir,
    node_id: nodeId,
    candidates: ranked.map(({ path, facts, chain, tail, raftDir }) => ({
      path,
      epoch: facts.epoch,
      state_index: facts.index,
      journal_index: raftDir && tail.problem === '' ? tail.index : null,
      journal_problem: tail.problem,
      last_change_at: new Date(facts.lastAt).toISOString(),
      chain: chain.slice(0, 16),
    })),
    rejected: options.rejected,
    chosen: chosen.path,
    could_be_lost: possibleLosses(chosen, ranked),
    removed_members: chosen.members.filter(({ id }) => id !== nodeId).map(({ id, name }) => ({ id, name })),
  };
}

/** One candidate in a line. */
export const candidateLine = (item: RecoverPlan['candidates'][number]): string => {
  const journal = item.journal_index === null ? '' : `, its journal goes to ${item.journal_index}`;
  const problem = item.journal_problem === '' ? '' : ` (journal not read: ${item.journal_problem})`;
  return `epoch ${item.epoch}, index ${item.state_index}${journal}, last change ${item.last_change_at}${problem}`;
};

export function planLines(plan: RecoverPlan): string[] {
  const lost = plan.could_be_lost;
  return [
    'survivors, the best first:',
    ...plan.candidates.map((item) => `  ${item.path === plan.chosen ? '→' : ' '} ${item.path}: ${candidateLine(item)}`),
    ...plan.rejected.map(({ path, why }) => `  × ${path}: ${why}`),
    lost.length === 0 ? 'nothing that was acknowledged is lost' : 'what could be lost:',
    ...lost.map((loss) => `  - ${loss}`),
    `node ${plan.node_id} becomes a cluster of one; removed for good: ${
      plan.removed_members.map(({ id, name }) => `${name} (node ${id})`).join(', ') || 'nobody'
    }`,
  ];
}
