import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { drizzle } from 'drizzle-orm/better-sqlite3';
import type { StateDb } from '../../db/state-store';
import { liveMembers } from '../members/admission';
import type { Member } from '../members/table';
import { loadNodeFile } from '../pki/node-file';
import { inspectStateFile, type StateFileFacts } from '../restore/state-file-check';

/** What is left of a node: its data directory, or its state file alone. */
export interface Survivor {
  readonly path: string;
  readonly statePath: string;
  /** The journal beside it, where there is one. */
  readonly raftDir: string | undefined;
  /** The node it was, where node.json says so. */
  readonly nodeId: number | undefined;
  readonly facts: StateFileFacts;
  readonly chain: string;
  readonly members: readonly Member[];
}

/** What the journal beside a state holds beyond it. */
export interface JournalTail {
  /** Index of the last entry that can be had. */
  readonly index: number;
  /** Raft term of the last entry of the journal, where it could be told. */
  readonly term?: number | undefined;
  /** Why it could not be read, or ''. */
  readonly problem: string;
}

export interface Candidate extends Survivor {
  readonly tail: JournalTail;
}

/** @throws DomainError what is wrong with the state file; Error there is none */
export function readSurvivor(path: string, migrationsDir: string): Survivor {
  if (!existsSync(path)) throw new Error(`${path} does not exist`);
  const isDirectory = statSync(path).isDirectory();
  const statePath = isDirectory ? join(path, 'state.db') : path;
  if (!existsSync(statePath)) throw new Error(`${path} has no state.db`);
  const raftDir = isDirectory && existsSync(join(path, 'raft', 'member')) ? join(path, 'raft') : undefined;
  const nodeFile = isDirectory ? loadNodeFile(path) : undefined;
  const facts = inspectStateFile(statePath, migrationsDir);
  const file = new Database(statePath, { readonly: true, fileMustExist: true });
  try {
    const { chain } = file.prepare('SELECT chain FROM system_state WHERE id = 1').get() as { chain: Buffer };
    const members = liveMembers(drizzle({ client: file }) as StateDb);
    return { path, statePath, raftDir, nodeId: nodeFile?.node_id, facts, chain: chain.toString('hex'), members };
  } finally {
    file.close();
  }
}

const reach = ({ facts, tail }: Candidate): number => Math.max(facts.index, tail.index);

/**
 * The best first: the latest epoch, then as in an election the journal whose last entry is of the latest term (a leader that
 * was cut off may have entries that nobody else took), then the furthest index, then the file that needs no journal. A state
 * without a journal holds nothing but what was committed, so it stands with the best journal. Pure.
 */
export function rankCandidates(candidates: readonly Candidate[]): Candidate[] {
  const newest = Math.max(0, ...candidates.map(({ tail }) => tail.term ?? 0));
  const term = ({ tail }: Candidate): number => tail.term ?? newest;
  return [...candidates].sort(
    (a, b) =>
      b.facts.epoch - a.facts.epoch || term(b) - term(a) || reach(b) - reach(a) || b.facts.index - a.facts.index,
  );
}

/** Whether the surplus of `other` was given up by those that elected another leader. */
const isOfEarlierTerm = (other: Candidate, chosen: Candidate): boolean =>
  other.tail.term !== undefined && chosen.tail.term !== undefined && other.tail.term < chosen.tail.term;

/** What choosing this candidate could lose, in sentences; empty = nothing that was acknowledged. Pure. */
export function possibleLosses(chosen: Candidate, candidates: readonly Candidate[]): string[] {
  const losses: string[] = [];
  const { epoch } = chosen.facts;
  for (const other of candidates) {
    if (other.facts.epoch > epoch)
      losses.push(`everything of epoch ${other.facts.epoch}, which ${other.path} has seen`);
    else if (other.facts.epoch === epoch && isOfEarlierTerm(chosen, other)) {
      losses.push(`what ${other.path} has of the later Raft term ${other.tail.term}`);
    } else if (other.facts.epoch === epoch && reach(other) > reach(chosen) && !isOfEarlierTerm(other, chosen)) {
      losses.push(`the entries ${reach(chosen) + 1} to ${reach(other)}, which ${other.path} has`);
    }
    const forked =
      other.facts.epoch === epoch && other.facts.index === chosen.facts.index && other.chain !== chosen.chain;
    if (forked)
      losses.push(`${other.path} has another history at the same index ${chosen.facts.index}: one of the two is wrong`);
  }
  const voters = chosen.members.filter((member) => member.state === 'voter');
  const seen = new Set(candidates.flatMap(({ nodeId, facts }) => (nodeId && facts.epoch >= epoch ? [nodeId] : [])));
  const seenVoters = voters.filter((member) => seen.has(member.id)).length;
  const unread = candidates.filter(({ tail, nodeId }) => nodeId && tail.problem !== '');
  if (seenVoters <= voters.length / 2) {
    const rest = voters.filter((member) => !seen.has(member.id)).map((member) => member.name);
    losses.push(
      `writes acknowledged after entry ${reach(chosen)}, if there were any: ${rest.join(', ')} could have had them, and ` +
        `only ${seenVoters} of ${voters.length} voters were looked at`,
    );
  } else if (unread.length > 0) {
    losses.push(
      `writes that are only in the journals of ${unread.map(({ path }) => path).join(', ')}, which could not be read ` +
        `(${unread.map(({ tail }) => tail.problem).join('; ')})`,
    );
  }
  return losses;
}
