import { randomBytes } from 'node:crypto';
import { FEATURE_LEVEL } from '../commands/define-command';
import type { Clock } from '../lib/clock';
import { uuidv7 } from '../lib/ids';
import type { Proposer } from '../replication/proposer';
import { initializeCluster } from '../resources/setup/commands';
import type { NodeAddresses } from './addresses';
import { SECRET } from './keyring';
import { registerFirstMember } from './members/commands';
import { type Identity, loadOrCreateNodeKey, saveIdentity } from './pki/identity';
import { inspectCertificate } from './pki/inspect';
import { createCa, issueNodeCertificate } from './pki/issue';
import { keyPinOf, publicKeyPemOf } from './pki/keys';
import type { NodeCredentials } from './pki/operator';
import { encryptSecret } from './pki/secrets';

export const SYSTEM_ACTOR = { kind: 'node', id: 'system', name: 'system' } as const;

/** What the first node of a cluster makes for itself before its state knows of it. */
export interface Founding {
  readonly clusterId: string;
  readonly identity: Identity;
  readonly secrets: { name: string; jwe: string }[];
}

/** Creates CA, node certificate and keys (or takes the operator's), and stores the node's part on disk. */
export async function prepareFounding(options: {
  dataDir: string;
  nodeId: number;
  hosts: readonly string[];
  clock: Clock;
  /** Certificates that the cluster neither made nor can make: then there is no CA key in its state. */
  operator?: NodeCredentials | undefined;
}): Promise<Founding> {
  const { dataDir, operator } = options;
  const clusterId = uuidv7();
  const { credentials, caKey } = operator
    ? { credentials: operator, caKey: undefined }
    : await makeCredentials({ ...options, clusterId });
  const clusterKey = new Uint8Array(randomBytes(32));
  const { caPem, certPem, keyPem } = credentials;
  const identity = { caPem, certPem, keyPem, clusterKey };
  saveIdentity(dataDir, identity);
  const seal = async (name: string, text: string) => ({ name, jwe: await encryptSecret(clusterKey, name, text) });
  const secrets = [await seal(SECRET.sessionKey, randomBytes(32).toString('base64url'))];
  if (caKey !== undefined) secrets.unshift(await seal(SECRET.caKey, caKey));
  return { clusterId, identity, secrets };
}

async function makeCredentials(options: {
  clusterId: string;
  dataDir: string;
  nodeId: number;
  hosts: readonly string[];
  clock: Clock;
}): Promise<{ credentials: NodeCredentials; caKey: string }> {
  const { clusterId, dataDir, nodeId, hosts, clock } = options;
  const ca = await createCa({ clusterId, nowMs: clock() });
  const keyPem = loadOrCreateNodeKey(dataDir);
  const publicKeyPem = publicKeyPemOf(keyPem);
  const certPem = await issueNodeCertificate({ ca, publicKeyPem, nodeId, hosts, nowMs: clock() });
  return { credentials: { caPem: ca.certPem, certPem, keyPem }, caKey: ca.keyPem };
}

export interface FoundingNode {
  readonly id: number;
  readonly name: string;
  readonly addresses: NodeAddresses;
  readonly version: string;
}

/** Writes the founding into the state: the first two entries of a cluster's life. */
export async function proposeFounding(proposer: Proposer, founding: Founding, node: FoundingNode): Promise<void> {
  const { clusterId, identity, secrets } = founding;
  const actor = SYSTEM_ACTOR;
  const cluster = { clusterId, name: 'quorate', caCert: identity.caPem, secrets };
  await proposer.propose(initializeCluster, cluster, { actor, id: `initialize-${clusterId}` });
  await proposeFounder(proposer, { clusterId, certPem: identity.certPem }, node);
}

/** The second of them: the founder is a voter. Repeating it changes nothing, so a start can finish what a kill cut short. */
export async function proposeFounder(
  proposer: Proposer,
  { clusterId, certPem }: { clusterId: string; certPem: string },
  node: FoundingNode,
): Promise<void> {
  const member = {
    id: node.id,
    name: node.name,
    keyPin: keyPinOf(certPem),
    clusterAddress: node.addresses.cluster,
    raftPeerAddress: node.addresses.raftPeer,
    raftClientAddress: node.addresses.raftClient,
    apiUrl: node.addresses.apiUrl,
    version: node.version,
    featureLevel: FEATURE_LEVEL,
    certificateExpiresAt: inspectCertificate(certPem).notAfter,
  };
  await proposer.propose(registerFirstMember, member, { actor: SYSTEM_ACTOR, id: `founder-${clusterId}` });
}
