import { delay } from '../../lib/async';
import type { EtcdClient } from '../../replication/etcd/client';
import type { MemberStatus } from '../../replication/etcd/members';

const HASH_MS = 30_000;
const ATTEMPTS = 10;
const RETRY_MS = 300;

export interface JournalHash {
  readonly name: string;
  /** Undefined where the member does not answer. */
  readonly hash: string | undefined;
}

export interface JournalVerdict {
  /** Most have the same, and nobody who answers has something else. */
  readonly equal: boolean;
  readonly detail: string;
}

/** Which journals can be trusted, by their hashes at one revision. Pure. */
export function judgeJournals(found: readonly JournalHash[]): JournalVerdict {
  const answered = found.filter(({ hash }) => hash !== undefined);
  const silent = found.filter(({ hash }) => hash === undefined);
  const names = (some: readonly JournalHash[]): string => some.map(({ name }) => name).join(', ');
  const support = (hash: string | undefined): number => answered.filter((one) => one.hash === hash).length;
  const best = [...answered].sort((a, b) => support(b.hash) - support(a.hash))[0];
  const differing = answered.filter(({ hash }) => hash !== best?.hash);
  if (support(best?.hash) <= found.length / 2) {
    const what = differing.length > 0 ? 'no majority of the journals is the same' : `no answer from ${names(silent)}`;
    return { equal: false, detail: `${what}: bring the other members up; otherwise see docs/journal.md` };
  }
  if (differing.length > 0) {
    const cure =
      'stop quorated there, move the folder raft in its data directory away, repeat this, then start it: it fetches the journal of the others';
    return { equal: false, detail: `the journal of ${names(differing)} differs from that of the majority: ${cure}` };
  }
  const left = silent.length > 0 ? `; ${names(silent)} did not answer and was left out` : '';
  return { equal: true, detail: `the journals of ${names(answered)} are the same${left}` };
}

/**
 * Compares what the members of etcd hold, which works while an alarm keeps them from taking writes: at the newest revision
 * that all of them have, and only where they are trimmed to the same point. @throws Error they did not come to such a point
 */
export async function compareJournals(
  client: EtcdClient,
  statuses: () => Promise<readonly MemberStatus[]>,
  signal: AbortSignal,
): Promise<JournalVerdict> {
  for (let attempt = 0; attempt < ATTEMPTS && !signal.aborted; attempt += 1) {
    const voters = (await statuses()).filter(({ member }) => !member.is_learner);
    const revision = Math.min(...voters.flatMap(({ status }) => (status ? [Number(status.header.revision)] : [])));
    const found = await Promise.all(
      voters.map(async ({ member, status }) => {
        const endpoint = member.client_urls[0];
        const silent = { name: member.name, hash: undefined, trimmed: undefined };
        if (!status || !endpoint) return silent;
        const options = { retry: 'safe', endpoint, deadlineMs: HASH_MS, requireLeader: false } as const;
        const answer = await client.call('Maintenance.HashKV', { revision }, options).catch(() => undefined);
        return answer ? { name: member.name, hash: String(answer.hash), trimmed: answer.compact_revision } : silent;
      }),
    );
    const trimmed = new Set(found.flatMap((one) => one.trimmed ?? []));
    if (trimmed.size === 1) return judgeJournals(found);
    await delay(RETRY_MS, signal);
  }
  throw new Error('the members are not trimmed to the same point; repeat this in a minute');
}
