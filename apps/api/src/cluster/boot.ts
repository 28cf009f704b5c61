import type { Config } from '../config/derive';
import type { StateDb } from '../db/state-store';
import { assert } from '../lib/assert';
import type { Clock } from '../lib/clock';
import type { Logger } from '../lib/logger';
import { advertisedAddresses } from './addresses';
import { formCluster } from './formation/form';
import { type Founding, prepareFounding } from './founding';
import { liveMembers } from './members/admission';
import { operatorPkiOf } from './operator-pki';
import { type Identity, loadIdentity, saveIdentity } from './pki/identity';
import { loadNodeFile, type NodeFile, saveNodeFile } from './pki/node-file';
import { shareCa } from './pki/operator';
import { isRecoveryUnfinished } from './recovery/unfinished';

/** Who this node is, as found on disk or just made. */
export interface Boot {
  readonly nodeFile: NodeFile;
  readonly identity: Identity;
  /** Present when this start founds a cluster: to be written into the state. */
  readonly founding: Founding | undefined;
}

/** The configuration asks for something that the data directory contradicts. The message names the cure. */
export class BootError extends Error {
  override readonly name = 'BootError';
}

export interface IdentityOptions {
  readonly config: Config;
  readonly version: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Whether the state file knows its cluster: false again when a founding was cut short. */
  readonly stateInitialized: boolean;
  readonly join: () => Promise<void>;
}

/**
 * Settles the node's identity: resumes what is on disk, founds a cluster of one, or joins one.
 *
 * @throws BootError, NodeFileError, IdentityError, JoinError
 */
export async function establishIdentity(options: IdentityOptions): Promise<Boot> {
  const { config, clock } = options;
  const existing = loadNodeFile(config.data_dir);
  if (existing && (existing.mode === 'raft' || options.stateInitialized)) return resume(config, existing, clock);
  if (options.stateInitialized) {
    throw new BootError(`${config.data_dir} has a state but no node.json; put that file back from a copy`);
  }
  if (config.cluster.mode === 'join') {
    await options.join();
    const joined = loadNodeFile(config.data_dir);
    assert(joined, 'a join leaves node.json behind');
    return resume(config, joined, clock);
  }
  if (config.cluster.mode === 'bootstrap' && (await bootstrap(options)) === 'joined') {
    const admitted = loadNodeFile(config.data_dir);
    assert(admitted, 'a formation leaves node.json behind');
    return resume(config, admitted, clock);
  }
  return found(config, clock);
}

/** @throws BootError, CertificateError, JoinError */
async function bootstrap(options: IdentityOptions): Promise<'found' | 'joined'> {
  const { config, version, clock, logger } = options;
  const { peers, advertise } = config.cluster;
  if (!peers.includes(advertise)) {
    throw new BootError(
      `cluster.peers does not list this node's own address ${advertise}; the list is the same on every member`,
    );
  }
  const credentials = operatorPkiOf(config, clock);
  assert(credentials, 'bootstrap mode comes with certificates of the operator');
  return formCluster({ config, credentials, version, clock, logger });
}

/** A cluster of one. Cut short anywhere, the next start does it again: nothing was acknowledged before the state has it. */
async function found(config: Config, clock: Clock): Promise<Boot> {
  const operator = operatorPkiOf(config, clock);
  const nodeId = operator?.nodeId ?? (config.node.id === 'auto' ? 1 : config.node.id);
  const { hosts } = advertisedAddresses(config);
  const founding = await prepareFounding({ dataDir: config.data_dir, nodeId, hosts, clock, operator });
  const nodeFile: NodeFile = {
    version: 1,
    node_id: nodeId,
    name: config.node.name,
    cluster_id: founding.clusterId,
    mode: 'single',
    stage: 'complete',
    members: [],
  };
  saveNodeFile(config.data_dir, nodeFile);
  return { nodeFile, identity: founding.identity, founding };
}

/** The operator's files win over the copy that etcd and doctor read, so that replacing them and a restart is enough. */
function takeOperatorPki(config: Config, clock: Clock, nodeFile: NodeFile, stored: Identity): Identity {
  const operator = operatorPkiOf(config, clock);
  if (!operator) return stored;
  if (operator.nodeId !== nodeFile.node_id) {
    throw new BootError(
      `cluster.tls.cert is of node ${operator.nodeId}, but ${config.data_dir} belongs to node ${nodeFile.node_id}: ` +
        'give the certificate of that node, or use another data_dir',
    );
  }
  if (!shareCa(operator.caPem, stored.caPem)) {
    throw new BootError(
      'cluster.tls.ca shares no CA with the one that this cluster runs on: a cluster keeps the kind of certificates that ' +
        'it was founded with; leave cluster.tls empty, or list the old CA beside the new one until every node has its new files',
    );
  }
  const { caPem, certPem, keyPem } = operator;
  const identity = { caPem, certPem, keyPem, clusterKey: stored.clusterKey };
  saveIdentity(config.data_dir, identity);
  return identity;
}

function resume(config: Config, nodeFile: NodeFile, clock: Clock): Boot {
  const { data_dir: dataDir, node } = config;
  if (isRecoveryUnfinished(dataDir)) {
    throw new BootError(
      `a recovery of ${dataDir} was cut short; run it again with the same arguments: quorated recover`,
    );
  }
  if (node.id !== 'auto' && node.id !== nodeFile.node_id) {
    throw new BootError(
      `node.id is ${node.id}, but ${dataDir} belongs to node ${nodeFile.node_id}: correct node.id, or use another data_dir`,
    );
  }
  const identity = loadIdentity(dataDir);
  if (!identity) throw new BootError(`${dataDir}/pki has no node certificate; put the pki folder back from a copy`);
  return { nodeFile, identity: takeOperatorPki(config, clock, nodeFile, identity), founding: undefined };
}

/** Changes node.json, atomically and durably. */
export function updateNodeFile(dataDir: string, change: Partial<NodeFile>): void {
  const current = loadNodeFile(dataDir);
  assert(current, 'node.json is there');
  saveNodeFile(dataDir, { ...current, ...change });
}

/** Where to fetch the state from, should this node ever start without its own. */
export function rememberMembers(dataDir: string, db: StateDb): void {
  const members = liveMembers(db).flatMap(({ id, name, state, ...member }) =>
    state === 'removed'
      ? []
      : [
          {
            id,
            name,
            cluster_address: member.clusterAddress,
            raft_peer_address: member.raftPeerAddress,
            raft_client_address: member.raftClientAddress,
            api_url: member.apiUrl,
            state,
          },
        ],
  );
  updateNodeFile(dataDir, { members });
}
