import {
  JOIN_PATH,
  type JoinAnswer,
  type JoinFinding,
  type JoinMember,
  type JoinPreflight,
  type JoinRequest,
  joinRequestSchema,
  MAX_CLOCK_SKEW_MS,
} from '@quorate/shared/join-protocol';
import { type Context, Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import type { Actor } from '../../commands/define-command';
import { DomainError } from '../../commands/domain-error';
import type { StateDb } from '../../db/state-store';
import { validationFailed } from '../../http/problem';
import { normalizeAddress } from '../../http/remote-address';
import type { Clock } from '../../lib/clock';
import { sha256Hex } from '../../lib/hash';
import { uuidv7 } from '../../lib/ids';
import type { Logger } from '../../lib/logger';
import { parseHostPort } from '../../lib/net';
import type { Proposer } from '../../replication/proposer';
import type { ClusterEnv } from '../listener';
import { type AdmissionRequest, authorizeAdmission, liveMembers, placeNode } from '../members/admission';
import { admitMember } from '../members/commands';
import { inspectCertificate } from '../pki/inspect';
import { issueNodeCertificate, NODE_CERTIFICATE_LIFETIME_MS } from '../pki/issue';
import { keyPinOf } from '../pki/keys';
import { wrapForNode } from '../pki/secrets';
import { checkJoinCertificate, issuesCertificates, readPublicKey } from './certificate';
import { dialBack } from './dial-back';

export interface JoinServerDeps {
  readonly db: () => StateDb;
  readonly propose: Proposer['propose'];
  /** Waits until this node has applied all that the cluster had acknowledged. @throws DomainError no_quorum */
  readonly catchUp: () => Promise<unknown>;
  readonly cluster: () => {
    readonly id: string;
    readonly name: string;
    readonly caPem: string;
    /** `cluster.token` of the configuration. */
    readonly token: string;
  };
  /** The cluster key that the state is under by now. @throws when this node cannot open it */
  readonly clusterKey: () => Promise<Uint8Array>;
  /** PEM of the CA's private key. @throws when the cluster runs on certificates of its operator */
  readonly caKey: () => Promise<string>;
  /** Highest feature level that the cluster may have used. */
  readonly clusterLevel: () => number;
  /** This node's version, for messages. */
  readonly version: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Join requests allowed from one address in a minute; default 60. */
  readonly attemptsPerMinute?: number;
}

const MAX_JOIN_BODY_BYTES = 32 * 1024;
const DIAL_BACK_TIMEOUT_MS = 3_000;
const ADMIT_TIMEOUT_MS = 8_000;

/** `POST /v1/cluster/join` on the cluster listener: admits a node that shows a token, or says what would hinder it. */
export function createJoinApp(deps: JoinServerDeps): Hono<ClusterEnv> {
  const app = new Hono<ClusterEnv>();
  const attempts = new RateLimiterMemory({ points: deps.attemptsPerMinute ?? 60, duration: 60 });
  const onError = () => {
    throw new DomainError('body_too_large', `a join request has at most ${MAX_JOIN_BODY_BYTES} bytes`);
  };
  app.post(JOIN_PATH, bodyLimit({ maxSize: MAX_JOIN_BODY_BYTES, onError }), async (c) => {
    const address = normalizeAddress(c.env.incoming.socket.remoteAddress ?? '');
    await consumeAttempt(attempts, address);
    const candidate = await readCandidate(c, address);
    const dryRun = c.req.query('dry_run');
    c.header('cache-control', 'no-store');
    if (dryRun !== undefined && dryRun !== '0' && dryRun !== 'false') return c.json(await preflight(deps, candidate));
    return c.json(await admit(deps, candidate));
  });
  return app;
}

/** @throws DomainError too_many_requests */
export async function consumeAttempt(attempts: RateLimiterMemory, address: string): Promise<void> {
  try {
    await attempts.consume(address);
  } catch (error) {
    if (!(error instanceof RateLimiterRes)) throw error;
    const seconds = Math.max(1, Math.ceil(error.msBeforeNext / 1000));
    throw new DomainError(
      'too_many_requests',
      `too many joins from ${address}; try again in ${seconds} s`,
      [],
      seconds,
    );
  }
}

/** A well-formed request whose sender holds the key it shows. */
interface Candidate {
  readonly request: JoinRequest;
  readonly publicKeyPem: string;
  readonly admission: AdmissionRequest;
}

/** @throws DomainError invalid_request, validation_failed */
async function readCandidate(c: Context<ClusterEnv>, address: string): Promise<Candidate> {
  let body: unknown;
  try {
    body = await c.req.json();
  } catch (error) {
    if (error instanceof DomainError) throw error;
    throw new DomainError('invalid_request', 'the join request is not valid JSON');
  }
  const parsed = joinRequestSchema.safeParse(body);
  if (!parsed.success) throw validationFailed(parsed.error);
  const request = parsed.data;
  const publicKeyPem = await readPublicKey(request);
  const admission = {
    tokenHash: sha256Hex(request.token),
    name: request.name,
    id: request.id,
    keyPin: keyPinOf(publicKeyPem),
    clusterAddress: request.cluster_address,
    raftPeerAddress: request.raft_peer_address,
    raftClientAddress: request.raft_client_address,
    apiUrl: request.api_url,
    address,
  };
  return { request, publicKeyPem, admission };
}

/**
 * The checks after the token, in order. The token comes first and alone: who has none learns nothing and makes
 * this node dial nobody.
 */
const CHECKS: readonly {
  check: JoinFinding['check'];
  run: (deps: JoinServerDeps, it: Candidate) => Promise<string>;
}[] = [
  { check: 'certificate', run: async (deps, it) => checkCertificate(deps, it.request) },
  { check: 'version', run: async (deps, it) => checkVersion(deps, it.request) },
  { check: 'clock', run: async (deps, it) => checkClock(deps, it.request) },
  { check: 'collisions', run: async (deps, it) => `would become node ${placement(deps, it)}` },
  { check: 'reachability', run: (_deps, it) => checkReachable(it) },
];

/** @throws DomainError cluster_token_mismatch, token_*, node_removed, no_quorum */
async function checkToken(deps: JoinServerDeps, { request, admission }: Candidate): Promise<void> {
  try {
    authorizeAdmission(deps.db(), admission, deps.clock());
  } catch (error) {
    // Minted a moment ago on another member, it may not have arrived here yet.
    if (!(error instanceof DomainError && error.code === 'token_unknown')) throw error;
    await deps.catchUp();
    authorizeAdmission(deps.db(), admission, deps.clock());
  }
  const { token, name } = deps.cluster();
  if (request.cluster_token === token) return;
  const detail = `the cluster ${name} has another cluster.token than this node; set the same one on both`;
  throw new DomainError('cluster_token_mismatch', detail, [{ pointer: '/cluster_token', detail }]);
}

function checkCertificate(deps: JoinServerDeps, request: JoinRequest): string {
  const { name, caPem } = deps.cluster();
  return checkJoinCertificate(request, { name, caPem, issues: issuesCertificates(deps.db()), nowMs: deps.clock() });
}

function checkVersion(deps: JoinServerDeps, { version, feature_level }: JoinRequest): string {
  const level = deps.clusterLevel();
  if (feature_level >= level) return `version ${version} fits`;
  const detail =
    `the cluster uses feature level ${level} (version ${deps.version}), this node's version ${version} has ` +
    `${feature_level}; upgrade it first`;
  throw new DomainError('version_incompatible', detail, [{ pointer: '/version', detail }]);
}

function checkClock(deps: JoinServerDeps, { clock }: JoinRequest): string {
  const seconds = (clock - deps.clock()) / 1000;
  const shown = `${Math.abs(seconds).toFixed(1)} s ${seconds > 0 ? 'ahead' : 'behind'}`;
  if (Math.abs(seconds) * 1000 <= MAX_CLOCK_SKEW_MS) return `the clock is ${shown}`;
  const limit = MAX_CLOCK_SKEW_MS / 1000;
  const detail = `this node's clock is ${shown} of the cluster's, ${limit} s are allowed; run an NTP client such as chrony`;
  throw new DomainError('clock_skew', detail, [{ pointer: '/clock', detail }]);
}

function placement(deps: JoinServerDeps, { admission }: Candidate): number {
  const db = deps.db();
  const { token, previous } = authorizeAdmission(db, admission, deps.clock());
  return placeNode(db, admission, token, previous);
}

async function checkReachable({ admission }: Candidate): Promise<string> {
  const address = admission.clusterAddress;
  const answer = await dialBack(address, admission.keyPin, DIAL_BACK_TIMEOUT_MS);
  if (answer.ok) return `the cluster reaches this node at ${address}`;
  const cure =
    answer.reason === 'other_key'
      ? 'set cluster.advertise to the address of this node'
      : 'set cluster.advertise to an address that members can dial, and open the port in the firewall';
  const detail = `the cluster cannot reach this node at ${address} (${answer.detail}); ${cure}`;
  throw new DomainError('node_unreachable', detail, [{ pointer: '/cluster_address', detail }]);
}

/** @throws DomainError when the token does not let this node in; everything else becomes a finding */
async function preflight(deps: JoinServerDeps, candidate: Candidate): Promise<JoinPreflight> {
  await checkToken(deps, candidate);
  const findings: JoinFinding[] = [{ check: 'token', ok: true, code: null, detail: 'the token admits this node' }];
  for (const { check, run } of CHECKS) {
    try {
      findings.push({ check, ok: true, code: null, detail: await run(deps, candidate) });
    } catch (error) {
      if (!(error instanceof DomainError)) throw error;
      findings.push({ check, ok: false, code: error.code, detail: error.message });
    }
  }
  const allowed = findings.every(({ ok }) => ok);
  const placed = findings.some(({ check, ok }) => check === 'collisions' && ok);
  return { dry_run: true, allowed, node_id: placed ? placement(deps, candidate) : null, findings };
}

/** @throws DomainError the first thing that stands against it; no use of the token is taken then */
async function admit(deps: JoinServerDeps, candidate: Candidate): Promise<JoinAnswer> {
  await checkToken(deps, candidate);
  for (const { run } of CHECKS) await run(deps, candidate);
  // Opened before the use is taken: without it nothing could be issued.
  const { request, admission } = candidate;
  const { certificate } = request;
  if (certificate === '') await openCaKey(deps);
  const actor: Actor = { kind: 'node', id: admission.keyPin.slice(0, 16), name: request.name };
  const { version, feature_level: featureLevel } = request;
  const issuedUntil = deps.clock() + NODE_CERTIFICATE_LIFETIME_MS;
  const certificateExpiresAt = certificate === '' ? issuedUntil : inspectCertificate(certificate).notAfter;
  const { result } = await deps.propose(
    admitMember,
    { ...admission, version, featureLevel, certificateExpiresAt },
    { actor, id: uuidv7(), timeoutMs: ADMIT_TIMEOUT_MS },
  );
  const { nodeId, resumed } = result;
  deps.logger.info({ node_id: nodeId, name: request.name, address: admission.address, resumed }, 'node admitted');
  return answer(deps, candidate, { nodeId, resumed });
}

async function openCaKey(deps: JoinServerDeps): Promise<string> {
  try {
    return await deps.caKey();
  } catch (error) {
    deps.logger.warn({ err: error }, 'the CA key cannot be opened');
    const detail =
      'this member cannot issue certificates: it has no usable CA key. Its log says why; try another member';
    throw new DomainError('conflict', detail);
  }
}

async function answer(
  deps: JoinServerDeps,
  { publicKeyPem, request }: Candidate,
  { nodeId, resumed }: { nodeId: number; resumed: boolean },
): Promise<JoinAnswer> {
  const { id, name, caPem } = deps.cluster();
  const hosts = hostsOf(request);
  const issue = async (): Promise<string> => {
    // Opened again: keys may have been rotated before it was admitted.
    const ca = { certPem: caPem, keyPem: await openCaKey(deps) };
    return issueNodeCertificate({ ca, publicKeyPem, nodeId, hosts, nowMs: deps.clock() });
  };
  const certificate = request.certificate === '' ? await issue() : request.certificate;
  // Not the one this node happens to hold: the joiner is no part of a rotation that came before its admission.
  const clusterKey = await deps.clusterKey();
  return {
    node_id: nodeId,
    resumed,
    cluster: { id, name },
    certificate,
    ca: caPem,
    wrapped_cluster_key: await wrapForNode(publicKeyPem, Buffer.from(clusterKey).toString('hex')),
    members: liveMembers(deps.db()).map(joinMember),
  };
}

function hostsOf(request: JoinRequest): string[] {
  const addresses = [request.cluster_address, request.raft_peer_address, request.raft_client_address];
  const hosts = addresses.flatMap((address) => parseHostPort(address)?.host ?? []);
  const apiHost = new URL(request.api_url).hostname.replace(/^\[|\]$/g, '');
  return [...new Set([...hosts, apiHost])];
}

const joinMember = (member: ReturnType<typeof liveMembers>[number]): JoinMember => ({
  id: member.id,
  name: member.name,
  cluster_address: member.clusterAddress,
  raft_peer_address: member.raftPeerAddress,
  raft_client_address: member.raftClientAddress,
  api_url: member.apiUrl,
  state: member.state === 'removed' ? 'joining' : member.state,
});
