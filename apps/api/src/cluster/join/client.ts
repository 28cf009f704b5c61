import {
  JOIN_PATH,
  type JoinAnswer,
  type JoinPreflight,
  type JoinRequest,
  joinAnswerSchema,
  joinPreflightSchema,
} from '@quorate/shared/join-protocol';
import type { JoinStage } from '@quorate/shared/joins';
import { type Problem, problemSchema } from '@quorate/shared/problem';
import { Agent, fetch, type Response } from 'undici';
import type { z } from 'zod';
import type { Clock } from '../../lib/clock';
import { parseHostPort } from '../../lib/net';
import { type Identity, loadOrCreateNodeKey, saveIdentity } from '../pki/identity';
import { checkNodeCertificate } from '../pki/inspect';
import { createCsr, fingerprintOf } from '../pki/keys';
import { loadNodeFile, type NodeFile, saveNodeFile } from '../pki/node-file';
import type { NodeCredentials } from '../pki/operator';
import { checkPeer } from '../pki/peer-identity';
import { unwrapFromNode } from '../pki/secrets';
import { JoinError, type JoinProgress } from './join-error';
import type { JoinTarget } from './join-string';
import { pinCa } from './pin-ca';
import { startProbe } from './probe';

export interface JoinOptions {
  readonly target: JoinTarget;
  readonly dataDir: string;
  readonly name: string;
  /** The id to ask for, or null for the lowest that was never used. */
  readonly id: number | null;
  /** Where the cluster listener of this node will listen; it must be free now. */
  readonly listen: { readonly host: string; readonly port: number };
  /** What others dial, `host:port`, and the URL of the API. */
  readonly addresses: {
    readonly cluster: string;
    readonly raftPeer: string;
    readonly raftClient: string;
    readonly apiUrl: string;
  };
  readonly version: string;
  readonly featureLevel: number;
  /** `cluster.token` of the configuration. */
  readonly clusterToken: string;
  /** Bound on the whole attempt, ms. */
  readonly timeoutMs: number;
  readonly clock: Clock;
  /** The operator's own certificate for this node, where the cluster issues none. */
  readonly operator?: NodeCredentials | undefined;
  /** Something shows this node's key on the cluster address already: no probe is needed there. */
  readonly answersAlready?: boolean;
  readonly onStage?: (stage: Extract<JoinStage, 'reached' | 'pinned' | 'admitted' | 'certificate_issued'>) => void;
  readonly signal?: AbortSignal;
}

export interface Joined {
  readonly identity: Identity;
  readonly nodeFile: NodeFile;
  /** This key was admitted before; no use of the token was taken. */
  readonly resumed: boolean;
}

const MAX_ANSWER_BYTES = 1024 * 1024;

/**
 * Gets this node admitted: pins the CA before anything is sent, shows the token, and stores certificate, CA, cluster
 * key and node.json (stage `admitted`). Its key is stored first, so that a further attempt resumes this one.
 *
 * @throws JoinError with the stage reached, a code and the cure
 */
export async function joinCluster(options: JoinOptions): Promise<Joined> {
  refuseMember(options.dataDir);
  const keyPem = options.operator?.keyPem ?? loadOrCreateNodeKey(options.dataDir);
  const { answer, caPem } = await converse(options, keyPem, '', joinAnswerSchema);
  options.onStage?.('admitted');
  const identity = await identityFrom(options, { answer, caPem, keyPem });
  const nodeFile: NodeFile = {
    version: 1,
    node_id: answer.node_id,
    name: options.name,
    cluster_id: answer.cluster.id,
    mode: 'raft',
    stage: 'admitted',
    members: answer.members,
  };
  saveIdentity(options.dataDir, identity);
  saveNodeFile(options.dataDir, nodeFile);
  options.onStage?.('certificate_issued');
  return { identity, nodeFile, resumed: answer.resumed };
}

/** Asks what would hinder the join. Nothing is changed and no use of the token is taken. @throws JoinError */
export async function preflightJoin(options: JoinOptions): Promise<JoinPreflight> {
  refuseMember(options.dataDir);
  const keyPem = options.operator?.keyPem ?? loadOrCreateNodeKey(options.dataDir);
  return (await converse(options, keyPem, '?dry_run=1', joinPreflightSchema)).answer;
}

/** @throws JoinError already_member */
function refuseMember(dataDir: string): void {
  const file = loadNodeFile(dataDir);
  if (file?.stage !== 'complete') return;
  const what = file.mode === 'single' ? 'runs a cluster of its own' : `is node ${file.node_id} of a cluster already`;
  const cure = 'use an empty data directory for a new node';
  throw new JoinError('configured', 'already_member', `the node in ${dataDir} ${what}`, cure);
}

async function converse<S extends z.ZodType>(
  options: JoinOptions,
  keyPem: string,
  query: string,
  schema: S,
): Promise<{ answer: z.output<S>; caPem: string }> {
  const { target, timeoutMs, clock } = options;
  const deadline = AbortSignal.timeout(timeoutMs);
  const signal = options.signal ? AbortSignal.any([options.signal, deadline]) : deadline;
  const probe = options.answersAlready
    ? undefined
    : await startProbe({ listen: options.listen, keyPem, certPem: options.operator?.certPem, nowMs: clock() });
  try {
    const onReached = (): void => options.onStage?.('reached');
    const caPem = await pinCa({ ...target, timeoutMs, signal, onReached });
    options.onStage?.('pinned');
    const request = await requestOf(options, keyPem);
    const path = `${JOIN_PATH}${query}`;
    return { answer: await sendJoin(target.address, { path, request, caPem, signal, timeoutMs, schema }), caPem };
  } finally {
    await probe?.close();
  }
}

async function requestOf(options: JoinOptions, keyPem: string): Promise<JoinRequest> {
  const { target, name, id, addresses } = options;
  return {
    token: target.token,
    csr: options.operator ? '' : await createCsr({ keyPem, nodeName: name }),
    certificate: options.operator?.certPem ?? '',
    name,
    id,
    cluster_address: addresses.cluster,
    raft_peer_address: addresses.raftPeer,
    raft_client_address: addresses.raftClient,
    api_url: addresses.apiUrl,
    version: options.version,
    feature_level: options.featureLevel,
    cluster_token: options.clusterToken,
    clock: options.clock(),
  };
}

/** Sends the request to whoever the pinned CA certified as a member, and to nobody else. */
export async function sendJoin<S extends z.ZodType>(
  address: string,
  call: { path: string; request: object; caPem: string; signal: AbortSignal; timeoutMs: number; schema: S },
): Promise<z.output<S>> {
  const agent = new Agent({
    connections: 1,
    connectTimeout: call.timeoutMs,
    headersTimeout: call.timeoutMs,
    bodyTimeout: call.timeoutMs,
    maxResponseSize: MAX_ANSWER_BYTES,
    connect: {
      ca: call.caPem,
      minVersion: 'TLSv1.3',
      checkServerIdentity: (_host, certificate) => checkPeer(certificate, {}),
    },
  });
  try {
    const response = await fetch(`https://${address}${call.path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(call.request),
      redirect: 'error',
      signal: call.signal,
      dispatcher: agent,
    });
    const body = await readJson(response);
    if (!response.ok) throw refusal(response.status, body);
    const parsed = call.schema.safeParse(body);
    if (parsed.success) return parsed.data;
    const what = `${address} answered with something unexpected`;
    throw new JoinError('pinned', 'unexpected_answer', what, 'run the same version of Quorate on both sides');
  } catch (error) {
    if (error instanceof JoinError) throw error;
    const reason = error instanceof Error ? causeOf(error) : String(error);
    const what = `${address} stopped answering: ${reason}`;
    const cure = 'run the join again: the same key goes on where it stopped, and no second use of the token is taken';
    throw new JoinError('pinned', 'unreachable', what, cure, { cause: error });
  } finally {
    await agent.destroy();
  }
}

const causeOf = (error: Error): string => (error.cause instanceof Error ? error.cause.message : error.message);

async function readJson(response: Response): Promise<unknown> {
  try {
    return await response.json();
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** What to do about a refusal; the detail from the cluster says the rest. */
const CURES: Readonly<Record<string, string>> = {
  token_unknown: 'mint a token in this cluster: quorate token create',
  token_expired: 'mint a new token: quorate token create',
  token_revoked: 'mint a new token: quorate token create',
  token_used_up: 'mint a new token: quorate token create',
  token_kind_mismatch: 'mint a token of kind cluster: quorate token create',
  token_name_mismatch: 'run the join with the name that the token is for (--name)',
  token_id_mismatch: 'run the join with the id that the token is for (--id), or without',
  token_address_not_allowed: 'join from an allowed address, or mint a token that allows this one',
  cluster_token_mismatch: "set cluster.token to the cluster's",
  node_name_taken: 'choose another name (--name)',
  node_id_taken: 'choose another id (--id) or leave it out',
  address_taken: 'change the address in the configuration, or remove the other node first',
  certificate_required: 'set cluster.tls on this node to files of the CA of this cluster and run the join again',
  clock_skew: 'synchronize the clock (NTP) and run the join again',
  version_incompatible: 'install a newer Quorate on this node and run the join again',
  node_unreachable: 'correct cluster.advertise or the firewall and run the join again',
  node_removed: "delete the pki folder in this node's data directory and join as a new node",
  no_quorum: 'bring the members of the cluster back, then run the join again',
  too_many_requests: 'wait a minute and run the join again',
};

function refusal(status: number, body: unknown): JoinError {
  const parsed = problemSchema.safeParse(body);
  const problem: Pick<Problem, 'code' | 'detail'> = parsed.success
    ? parsed.data
    : { code: 'unexpected_answer', detail: `the cluster answered with status ${status}` };
  const cure = CURES[problem.code] ?? 'correct this and run the join again; no use of the token was taken';
  return new JoinError('pinned', problem.code, problem.detail, cure);
}

/** Checks what came back before anything of it is stored. */
async function identityFrom(
  options: JoinOptions,
  { answer, caPem, keyPem }: { answer: JoinAnswer; caPem: string; keyPem: string },
): Promise<Identity> {
  const bad = (what: string, error?: unknown): JoinError => {
    const cure = 'run the join again; if it stays, report it with the log of the member that answered';
    return new JoinError('admitted' satisfies JoinProgress, 'bad_certificate', what, cure, { cause: error });
  };
  try {
    if (fingerprintOf(answer.ca) !== fingerprintOf(caPem)) throw bad('the cluster sent another CA than the pinned one');
    const { cluster, raftPeer, raftClient } = options.addresses;
    checkNodeCertificate({
      certPem: answer.certificate,
      keyPem,
      caPem,
      expectedNodeId: answer.node_id,
      advertisedHosts: [cluster, raftPeer, raftClient].flatMap((address) => parseHostPort(address)?.host ?? []),
      nowMs: options.clock(),
    });
    if (options.operator && answer.certificate !== options.operator.certPem) throw bad('it sent another certificate');
    const hex = await unwrapFromNode(keyPem, answer.wrapped_cluster_key);
    if (!/^[0-9a-f]{64}$/.test(hex)) throw bad('the cluster key has a wrong form');
    // An operator's file may hold further CAs, to which it is about to change.
    const trusted = options.operator?.caPem ?? caPem;
    return { caPem: trusted, certPem: answer.certificate, keyPem, clusterKey: new Uint8Array(Buffer.from(hex, 'hex')) };
  } catch (error) {
    if (error instanceof JoinError) throw error;
    throw bad(`what the cluster sent cannot be used: ${error instanceof Error ? error.message : String(error)}`, error);
  }
}
