import type { EtcdClient } from './client';
import { EtcdError } from './errors';
import type { Member, StatusResponse } from './proto';

/** A membership change is decided by the cluster, which may take an election; far above a write's bound. */
const CHANGE_MS = 5000;

export interface MemberStatus {
  readonly member: Member;
  /** Null when it doesn't answer. */
  readonly status: StatusResponse | null;
}

/** Members as any reachable voter knows them (learners refuse to list). @throws EtcdError */
export async function listMembers(client: EtcdClient): Promise<readonly Member[]> {
  return (await client.call('Cluster.MemberList', { linearizable: true }, { retry: 'safe' })).members;
}

/**
 * Adds a learner by its peer URL; when it is already there (an earlier answer was lost) that member is returned.
 * @throws EtcdError `too_many_learners` (one at a time), `unhealthy` (a voter is down: remove it first),
 *   `peer_url_exists` a voter has that URL
 */
export async function addLearner(client: EtcdClient, peerUrl: string): Promise<Member> {
  try {
    const request = { peer_urls: [peerUrl], is_learner: true };
    return (await client.call('Cluster.MemberAdd', request, { retry: 'unsent', deadlineMs: CHANGE_MS })).member;
  } catch (error) {
    if (!(error instanceof EtcdError)) throw error;
    // The id is a hash of URL and second: repeated within one second it is the id that exists already.
    const mayBeThere =
      error.outcome === 'unknown' || error.kind === 'peer_url_exists' || error.kind === 'member_exists';
    if (!mayBeThere) throw error;
    const known = (await listMembers(client)).find((member) => member.peer_urls.includes(peerUrl) && member.is_learner);
    if (!known) throw error;
    return known;
  }
}

/**
 * Makes a learner a voter; done already is success. After a lost answer it lists again before reporting failure.
 * @throws EtcdError `not_in_sync` (try again later), `not_found`, `unhealthy`
 */
export async function promoteLearner(client: EtcdClient, id: string): Promise<void> {
  try {
    await client.call('Cluster.MemberPromote', { id }, { retry: 'unsent', deadlineMs: CHANGE_MS });
  } catch (error) {
    if (!(error instanceof EtcdError)) throw error;
    if (error.kind === 'not_a_learner') return;
    if (error.outcome !== 'unknown') throw error;
    const member = (await listMembers(client)).find((candidate) => candidate.id === id);
    if (!member || member.is_learner) throw error;
  }
}

/** Removes a member, voter or learner; gone already is success. @throws EtcdError `unhealthy`, `not_enough_started` */
export async function removeMember(client: EtcdClient, id: string): Promise<void> {
  try {
    await client.call('Cluster.MemberRemove', { id }, { retry: 'unsent', deadlineMs: CHANGE_MS });
  } catch (error) {
    if (!(error instanceof EtcdError)) throw error;
    if (error.kind === 'not_found') return;
    if (error.outcome !== 'unknown') throw error;
    if ((await listMembers(client)).some((member) => member.id === id)) throw error;
  }
}

/** Status of one member by its client URL; a member without leader or a learner answers too. @throws EtcdError */
export function memberStatus(client: EtcdClient, endpoint: string): Promise<StatusResponse> {
  return client.call('Maintenance.Status', {}, { retry: 'safe', endpoint, requireLeader: false });
}

/** Status of every member, asked at once. @throws EtcdError the list itself can't be had */
export async function allStatuses(client: EtcdClient): Promise<MemberStatus[]> {
  const members = await listMembers(client);
  return Promise.all(
    members.map(async (member) => {
      const endpoint = member.client_urls[0];
      const status = endpoint ? await memberStatus(client, endpoint).catch(() => null) : null;
      return { member, status };
    }),
  );
}

/**
 * Hands leadership to a voter. etcd takes this only at the leader, which is looked up first. A leader that waits for a voter that is
 * gone takes no writes meanwhile, so that one must answer.
 * @throws EtcdError `no_leader`, `bad_transferee`, `not_leader` (it moved meanwhile: try again)
 */
export async function moveLeader(client: EtcdClient, targetId: string): Promise<void> {
  const statuses = await allStatuses(client);
  const leaderId = newestLeader(statuses);
  if (leaderId === targetId) return;
  if (!statuses.some(({ member, status }) => member.id === targetId && status)) {
    throw new EtcdError('that member does not answer', 'bad_transferee', 'not_done', '');
  }
  const endpoint = statuses.find(({ member }) => member.id === leaderId)?.member.client_urls[0];
  if (!endpoint) throw new EtcdError('etcd has no leader now', 'no_leader', 'not_done', '');
  await client.call(
    'Maintenance.MoveLeader',
    { target_id: targetId },
    { retry: 'unsent', endpoint, deadlineMs: CHANGE_MS },
  );
}

/** The leader's id as the member with the highest term sees it; null = none. */
export function newestLeader(statuses: readonly MemberStatus[]): string | null {
  const answered = statuses.flatMap(({ status }) => (status && status.leader !== '0' ? [status] : []));
  answered.sort((a, b) => Number(b.raft_term) - Number(a.raft_term));
  return answered[0]?.leader ?? null;
}
