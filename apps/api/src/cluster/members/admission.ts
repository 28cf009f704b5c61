import { and, asc, eq, ne } from 'drizzle-orm';
import { FEATURE_LEVEL } from '../../commands/define-command';
import { DomainError } from '../../commands/domain-error';
import { prepared } from '../../db/prepared';
import { remembered } from '../../db/remembered';
import type { StateDb } from '../../db/state-store';
import { blockListOf, isLoopbackAddress, listContains } from '../../http/remote-address';
import { type JoinTokenRow, joinTokenRedemptions, joinTokens } from '../join-tokens/table';
import { MAX_VOTERS } from '../quorum';
import { type Member, members } from './table';

// The rules of admission. Pure over the state, so that the command that admits and the preflight say the same.

export const MAX_NODE_ID = 63;

export interface NodeAddresses {
  readonly clusterAddress: string;
  readonly raftPeerAddress: string;
  readonly raftClientAddress: string;
  readonly apiUrl: string;
}

export interface AdmissionRequest extends NodeAddresses {
  readonly tokenHash: string;
  readonly name: string;
  /** The id that the node asks for, or null for the lowest free one. */
  readonly id: number | null;
  readonly keyPin: string;
  /** Source address of the joiner's connection. */
  readonly address: string;
}

const refuse = (code: ConstructorParameters<typeof DomainError>[0], detail: string, pointer?: string): DomainError =>
  new DomainError(code, detail, pointer === undefined ? [] : [{ pointer, detail }]);

/** Members that have not been removed, by id. */
export const liveMembers = remembered((db): readonly Member[] => live(db).all());
const live = prepared((db) =>
  db.select().from(members).where(ne(members.state, 'removed')).orderBy(asc(members.id)).prepare(),
);

/**
 * What every member understands: the level of the oldest. Each member records its own once it runs, so while nodes are
 * upgraded one after the other nothing is proposed that one of them could not apply.
 */
export const clusterLevel = (db: StateDb): number =>
  Math.min(FEATURE_LEVEL, ...liveMembers(db).map((member) => member.featureLevel));

/** The newest member with this key, removed ones included. */
function memberOfKey(db: StateDb, keyPin: string): Member | undefined {
  return db.select().from(members).where(eq(members.keyPin, keyPin)).orderBy(asc(members.id)).all().at(-1);
}

/** Whether a live member holds this key. */
export function isLiveMember(db: StateDb, id: number, keyPin: string): boolean {
  const member = db.select().from(members).where(eq(members.id, id)).get();
  return member !== undefined && member.state !== 'removed' && member.keyPin === keyPin;
}

/**
 * Whether the token lets this node in at time `at` (ms).
 *
 * @returns the token, and the member when this key was admitted before: then no use is taken
 * @throws DomainError token_* (401, 403), node_removed
 */
export function authorizeAdmission(
  db: StateDb,
  request: AdmissionRequest,
  at: number,
): { token: JoinTokenRow; previous: Member | undefined } {
  const token = db.select().from(joinTokens).where(eq(joinTokens.hash, request.tokenHash)).get();
  if (!token) throw refuse('token_unknown', 'the join token is not known to this cluster; mint a new one');
  const previous = memberOfKey(db, request.keyPin);
  checkTokenUsable(token, 'cluster', at, previous !== undefined && redeemed(db, token.id, previous.id));
  checkTokenBindings(token, request, previous);
  if (previous?.state === 'removed') {
    const cure = "to join as a new node, delete the pki folder in this node's data directory first";
    throw refuse('node_removed', `node ${previous.id} was removed from the cluster and stays out; ${cure}`);
  }
  return { token, previous };
}

function redeemed(db: StateDb, tokenId: string, nodeId: number): boolean {
  const own = and(eq(joinTokenRedemptions.tokenId, tokenId), eq(joinTokenRedemptions.nodeId, nodeId));
  return db.select().from(joinTokenRedemptions).where(own).get() !== undefined;
}

/** A node that already redeemed the token goes on with it after it expired or was used up, but not after a revocation. */
export function checkTokenUsable(token: JoinTokenRow, kind: JoinTokenRow['kind'], at: number, ownToken: boolean): void {
  if (token.revokedAt !== null) throw refuse('token_revoked', 'the join token was revoked; mint a new one');
  if (token.kind !== kind) {
    const what = kind === 'cluster' ? 'core node' : 'runner';
    throw refuse(
      'token_kind_mismatch',
      `this is a ${token.kind} token, which admits no ${what}; mint one with kind ${kind}`,
    );
  }
  if (ownToken) return;
  if (at >= token.expiresAt) {
    const expired = new Date(token.expiresAt).toISOString();
    throw refuse('token_expired', `the join token expired at ${expired}; mint a new one`);
  }
  if (token.uses >= token.maxUses) {
    const uses = token.maxUses === 1 ? 'its one use' : `all its ${token.maxUses} uses`;
    throw refuse('token_used_up', `the join token has spent ${uses}; mint a new one`);
  }
}

function checkTokenBindings(token: JoinTokenRow, request: AdmissionRequest, previous: Member | undefined): void {
  checkTokenPlace(token, request);
  const wanted = request.id ?? previous?.id ?? null;
  if (token.nodeId !== null && wanted !== null && token.nodeId !== wanted) {
    const detail = `the token is for node id ${token.nodeId}, not ${wanted}`;
    throw refuse('token_id_mismatch', `${detail}; leave the id out or mint another token`, '/id');
  }
}

/** From where, and under which name, it may be used. @throws DomainError token_* */
export function checkTokenPlace(
  token: JoinTokenRow,
  request: { readonly address: string; readonly name: string },
): void {
  if (token.allowedCidrs.length > 0 && !addressAllowed(token.allowedCidrs, request.address)) {
    const allowed = token.allowedCidrs.join(', ');
    const detail = `the join came from ${request.address}; the token allows ${allowed}`;
    throw refuse('token_address_not_allowed', `${detail}. Join from there or mint another token`);
  }
  if (token.nodeName !== null && token.nodeName !== request.name) {
    const detail = `the token is for the node named ${token.nodeName}, not ${request.name}`;
    throw refuse('token_name_mismatch', `${detail}; set the name or mint another token`, '/name');
  }
}

/** Either spelling of loopback matches a network that holds the other. */
function addressAllowed(cidrs: readonly string[], address: string): boolean {
  const list = blockListOf(cidrs);
  if (listContains(list, address)) return true;
  return isLoopbackAddress(address) && (listContains(list, '127.0.0.1') || listContains(list, '::1'));
}

/**
 * Which id the node gets, when nothing collides with the members there are.
 *
 * @throws DomainError node_id_taken, node_name_taken, address_taken, no_free_node_id, conflict
 */
export function placeNode(
  db: StateDb,
  request: AdmissionRequest,
  token: Pick<JoinTokenRow, 'nodeId'>,
  previous: Member | undefined,
): number {
  const others = liveMembers(db).filter((member) => member.id !== previous?.id);
  checkName(others, request.name);
  checkAddresses(others, request);
  if (previous) return resumedId(request, previous);
  if (others.length >= MAX_VOTERS) {
    const detail = `the cluster has ${others.length} core nodes and takes no more than ${MAX_VOTERS}`;
    throw refuse('conflict', `${detail}; remove one first, or add this machine as a runner`);
  }
  return freeId(db, request.id ?? token.nodeId);
}

function resumedId(request: AdmissionRequest, previous: Member): number {
  if (request.id !== null && request.id !== previous.id) {
    const detail = `this node's key was admitted as node ${previous.id}, so it cannot become node ${request.id}`;
    throw refuse('node_id_taken', `${detail}; leave the id out`, '/id');
  }
  if (previous.state === 'joining') return previous.id;
  const same =
    previous.raftPeerAddress === request.raftPeerAddress && previous.raftClientAddress === request.raftClientAddress;
  if (same) return previous.id;
  const detail = `node ${previous.id} takes part in Raft at ${previous.raftPeerAddress} already`;
  throw refuse('conflict', `${detail}; join with the same addresses, or remove the node first`, '/raft_peer_address');
}

function checkName(others: readonly Member[], name: string): void {
  const taken = others.find((member) => member.name.toLowerCase() === name.toLowerCase());
  if (!taken) return;
  throw refuse('node_name_taken', `node ${taken.id} is named ${taken.name}; choose another name`, '/name');
}

const addressesOf = (node: NodeAddresses): [pointer: string, address: string][] => [
  ['/cluster_address', node.clusterAddress],
  ['/raft_peer_address', node.raftPeerAddress],
  ['/raft_client_address', node.raftClientAddress],
  ['/api_url', node.apiUrl],
];

/** No two nodes, and no two listeners of one node, share an address. @throws DomainError address_taken */
export function checkAddresses(others: readonly Member[], node: NodeAddresses): void {
  const seen = new Map<string, string>();
  for (const other of others) {
    for (const [, address] of addressesOf(other)) seen.set(address.toLowerCase(), `node ${other.id} (${other.name})`);
  }
  for (const [pointer, address] of addressesOf(node)) {
    if (address === '') continue;
    const holder = seen.get(address.toLowerCase());
    if (holder) throw refuse('address_taken', `${address} is the address of ${holder}; choose another`, pointer);
    seen.set(address.toLowerCase(), `another listener of this node`);
  }
}

/** @throws DomainError node_id_taken, no_free_node_id */
function freeId(db: StateDb, wanted: number | null): number {
  const used = new Set(
    db
      .select({ id: members.id })
      .from(members)
      .orderBy(asc(members.id))
      .all()
      .map(({ id }) => id),
  );
  if (wanted !== null) {
    if (!used.has(wanted)) return wanted;
    const detail = `node id ${wanted} was used before, and ids are never used twice`;
    throw refuse('node_id_taken', `${detail}; choose another or leave it out`, '/id');
  }
  for (let id = 1; id <= MAX_NODE_ID; id++) {
    if (!used.has(id)) return id;
  }
  throw refuse('no_free_node_id', `all node ids from 1 to ${MAX_NODE_ID} were used; this cluster admits no new node`);
}
