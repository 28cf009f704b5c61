import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { connect } from 'node:tls';
import { MAX_CLOCK_SKEW_MS } from '@quorate/shared/join-protocol';
import { problemSchema } from '@quorate/shared/problem';
import { type NodeStatus, nodeStatusSchema } from '../../cluster/liveness';
import { createPeerClient, type PeerClient } from '../../cluster/peer-client';
import { STATUS_PATH } from '../../cluster/peer-side';
import { withTimeout } from '../../lib/async';
import { isLoopback, parseHostPort } from '../../lib/net';
import { codeOf, reasonOf } from '../host-error';
import { type Facts, present } from './facts';
import { type Finding, fail, ok, warn } from './finding';
import { REJOIN_CURE, wasRemoved } from './identity-checks';

const PEER_MS = 2_000;
const DNS_MS = 3_000;
/** Clocks further apart than this are worth a word, long before they do harm. */
const CLOCK_WARN_MS = 500;

/** A member as this host knows it, whichever source had it. */
interface KnownMember {
  readonly id: number;
  readonly name: string;
  readonly clusterAddress: string;
  readonly raftAddresses: readonly string[];
}

/** From the running daemon, else the state on disk, else what the join has told. */
function knownMembers({ cluster, state, nodeFile }: Facts): KnownMember[] {
  if (cluster) {
    return cluster.members.map((m) => ({
      id: m.id,
      name: m.name,
      clusterAddress: m.cluster_address,
      raftAddresses: [m.raft_peer_address, m.raft_client_address],
    }));
  }
  const stored = present(state)?.members ?? [];
  if (stored.length > 0) {
    return stored.map((m) => ({ ...m, raftAddresses: [m.raftPeerAddress, m.raftClientAddress] }));
  }
  return (present(nodeFile)?.members ?? []).map((m) => ({
    id: m.id,
    name: m.name,
    clusterAddress: m.cluster_address,
    raftAddresses: [m.raft_peer_address, m.raft_client_address],
  }));
}

/** Names in addresses must resolve, and not to loopback when others are to use them. */
export async function checkNames(facts: Facts): Promise<Finding[]> {
  const { cluster, api } = facts.loaded.config;
  const own = parseHostPort(cluster.advertise)?.host ?? '';
  const all = [
    own,
    new URL(api.advertise_url).hostname,
    ...(cluster.join.url === '' ? [] : [new URL(cluster.join.url).hostname]),
    ...knownMembers(facts).flatMap((m) => parseHostPort(m.clusterAddress)?.host ?? []),
  ];
  const names = [...new Set(all)].filter((host) => host !== '' && isIP(host.replace(/^\[|\]$/g, '')) === 0);
  return Promise.all(names.filter((name) => !isLoopback(name)).map((name) => checkName(name)));
}

async function checkName(name: string): Promise<Finding> {
  const check = `name ${name}`;
  try {
    const found = await withTimeout(lookup(name, { all: true }), DNS_MS, 'no answer in time');
    const addresses = found.map(({ address }) => address).join(', ');
    if (!found.some(({ address }) => isLoopback(address))) return ok(check, `is ${addresses}`);
    const cure = `give it its routable address in DNS or /etc/hosts (Debian maps the own host name to 127.0.1.1 there)`;
    return warn(check, `is ${addresses}: a loopback address, which other hosts take for themselves`, cure);
  } catch (error) {
    return fail(check, `does not resolve (${codeOf(error) || reasonOf(error)})`, 'add it to DNS or /etc/hosts');
  }
}

/** Every known member by its cluster listener (mutual TLS) and its etcd ports; this node by the address others dial. */
export async function checkMembers(facts: Facts): Promise<Finding[]> {
  const identity = present(facts.identity);
  const file = present(facts.nodeFile);
  if (!identity || file?.mode !== 'raft') return [];
  const tls = { ca: identity.caPem, cert: identity.certPem, key: identity.keyPem };
  const client = createPeerClient({ tls: () => tls, timeoutMs: PEER_MS });
  try {
    const members = knownMembers(facts);
    // A node that knows of its own removal is refused by all of them.
    if (wasRemoved(facts)) return [];
    const others = members.filter((member) => member.id !== file.node_id);
    const own = members.find((member) => member.id === file.node_id);
    const checks = others.map((member) => checkMember(facts, client, member));
    if (facts.running && own) checks.push(checkOwnAddress(client, own));
    return (await Promise.all(checks)).flat();
  } finally {
    await client.close();
  }
}

interface Asked {
  readonly status: NodeStatus;
  /** Its clock minus ours, by half the round trip. */
  readonly offsetMs: number;
  readonly roundTripMs: number;
}

/** A member that answers, and does not let this node in. */
class Refusal extends Error {
  override readonly name = 'Refusal';
  constructor(
    message: string,
    readonly code: string,
  ) {
    super(message);
  }
}

function refusalOf(status: number, body: unknown): Refusal {
  const problem = problemSchema.safeParse(body).data;
  return new Refusal(problem?.detail ?? `status ${status}`, problem?.code ?? '');
}

async function ask(client: PeerClient, { id, clusterAddress }: KnownMember): Promise<Asked> {
  const startedAt = Date.now();
  const target = { nodeId: id, address: clusterAddress };
  const response = await client.fetch(target, STATUS_PATH, { signal: AbortSignal.timeout(PEER_MS) });
  const body = await response.json();
  const roundTripMs = Date.now() - startedAt;
  if (!response.ok) throw refusalOf(response.status, body);
  const status = nodeStatusSchema.parse(body);
  return { status, roundTripMs, offsetMs: Math.round(status.now - startedAt - roundTripMs / 2) };
}

const rootReason = (error: unknown): string =>
  error instanceof Error && error.cause instanceof Error ? reasonOf(error.cause) : reasonOf(error);

async function checkMember(facts: Facts, client: PeerClient, member: KnownMember): Promise<Finding[]> {
  const check = `member ${member.id} (${member.name})`;
  let asked: Asked;
  try {
    asked = await ask(client, member);
  } catch (error) {
    if (error instanceof Refusal) return [refused(check, error)];
    const cure = `start quorated on ${member.name}, and let the firewall pass the cluster port and the two after it; if it is gone for good: quorate cluster remove ${member.id} --force`;
    return [fail(check, `no answer at ${member.clusterAddress}: ${rootReason(error)}`, cure)];
  }
  // With an etcd of the operator nothing listens on the Raft addresses.
  const external = facts.loaded.config.raft.endpoints.length > 0;
  const raft = external ? [] : member.raftAddresses;
  const closed = (await Promise.all(raft.map(isClosed))).filter((text) => text !== '');
  return [standingOf(check, member, asked, closed), ...apart(facts, check, asked)];
}

function refused(check: string, { code, message }: Refusal): Finding {
  if (code === 'node_removed') return fail(check, `refuses this node: ${message}`, REJOIN_CURE);
  const cure = 'compare the clocks of both hosts and the certificates of both nodes (quorated pki inspect)';
  return fail(check, `refuses this node: ${message}`, cure);
}

function standingOf(check: string, member: KnownMember, { status, roundTripMs }: Asked, closed: string[]): Finding {
  if (closed.length > 0) {
    const cure = `open these ports in the firewall between the members; is etcd running on ${member.name}?`;
    return fail(check, `answers at ${member.clusterAddress}, but not at ${closed.join(' and ')}`, cure);
  }
  if (status.health !== 'ok' || !status.etcd_answers) {
    const what =
      status.health === 'ok' ? 'its etcd does not answer' : `says it is ${status.health.replaceAll('_', ' ')}`;
    return warn(check, `reached in ${roundTripMs} ms; ${what}`, `see the log of quorated on ${member.name}`);
  }
  return ok(check, `reached in ${roundTripMs} ms, index ${status.applied_index}`);
}

/** Clocks and versions. */
function apart({ version }: Facts, check: string, { status, offsetMs }: Asked): Finding[] {
  const findings: Finding[] = [];
  const shown = `its clock is ${Math.abs(offsetMs)} ms ${offsetMs > 0 ? 'ahead' : 'behind'}`;
  const cure = 'run an NTP client such as chrony on every member';
  if (Math.abs(offsetMs) > MAX_CLOCK_SKEW_MS) findings.push(fail(check, shown, cure));
  else if (Math.abs(offsetMs) > CLOCK_WARN_MS) findings.push(warn(check, shown, cure));
  if (status.version !== version) {
    const detail = `runs version ${status.version}, this program is ${version}`;
    findings.push(warn(check, detail, 'bring every member to the same version'));
  }
  return findings;
}

/** The address, when no TLS connection can be begun there, else ''. etcd wants a certificate; reaching it is enough. */
function isClosed(address: string): Promise<string> {
  const target = parseHostPort(address);
  if (!target) return Promise.resolve(address);
  return new Promise((settle) => {
    const socket = connect({ ...target, rejectUnauthorized: false, timeout: PEER_MS });
    const end = (result: string): void => {
      socket.destroy();
      settle(result);
    };
    socket.once('connect', () => end(''));
    socket.once('timeout', () => end(address));
    socket.once('error', () => end(address));
  });
}

/** What others dial must lead to this node: a wrong address or NAT shows here. */
async function checkOwnAddress(client: PeerClient, own: KnownMember): Promise<Finding[]> {
  const check = 'own address';
  try {
    await ask(client, own);
    return [ok(check, `${own.clusterAddress} leads to this node`)];
  } catch (error) {
    const cure = 'set cluster.advertise to the address under which other members reach this host';
    return [warn(check, `${own.clusterAddress} does not lead here from this host: ${rootReason(error)}`, cure)];
  }
}
