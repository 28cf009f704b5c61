import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { advertisedAddresses } from '../../cluster/addresses';
import { CertificateError, checkNodeCertificate, inspectCertificate } from '../../cluster/pki/inspect';
import type { NodeFile } from '../../cluster/pki/node-file';
import { parseHostPort } from '../../lib/net';
import { pkiFile } from '../data-dir';
import { explainFailure } from '../start-errors';
import { type Facts, present } from './facts';
import { type Finding, fail, failWith, ok, warn } from './finding';

const DAY_MS = 24 * 3600 * 1000;
const EXPIRY_WARN_MS = 30 * DAY_MS;

/** What to remove so that a directory is that of a new node; everything that is not named may stay. */
const removal = (dataDir: string): string =>
  `remove ${join(dataDir, 'node.json')}, ${join(dataDir, 'pki')}, ${join(dataDir, 'raft')} and ${join(dataDir, 'state.db')}*`;

/** node.json, pki and raft against each other and the configuration. */
export function checkNode(facts: Facts): Finding[] {
  const { nodeFile, identity, loaded } = facts;
  const { config } = loaded;
  if (!('value' in nodeFile)) return [failWith('identity', explainFailure(nodeFile.error, config))];
  if (!('value' in identity)) return [failWith('identity', explainFailure(identity.error, config))];
  const file = nodeFile.value;
  if (!file) return [withoutNodeFile(facts)];
  if (!identity.value) {
    const again = `put the folder ${join(config.data_dir, 'pki')} back from a copy; or remove node ${file.node_id} from the cluster, ${removal(config.data_dir)}, and join again`;
    return [fail('identity', `node.json is of node ${file.node_id}, but pki has no certificate`, again)];
  }
  return [contradictions(facts, file) ?? standing(facts, file)];
}

function withoutNodeFile({ loaded, identity, state }: Facts): Finding {
  const { config } = loaded;
  const { data_dir: dataDir } = config;
  if (present(state)?.clusterId !== undefined) {
    return fail('identity', `${dataDir} has a state but no node.json`, 'put node.json back from a copy');
  }
  const joining = config.cluster.mode === 'join';
  const key = pkiFile(dataDir, 'node.key');
  if (joining && present(identity)) {
    const cure = 'run quorated join again: it resumes by the same key, without a further use of the token';
    return warn('identity', 'a join was cut short after its certificate was stored, before node.json was', cure);
  }
  const { token, token_path: tokenPath } = config.cluster.join;
  if (joining && token === '' && !existsSync(tokenPath)) {
    return fail('identity', `not joined yet, and the token file ${tokenPath} is not there`, 'run quorated join again');
  }
  if (joining && existsSync(key)) {
    const cure = `run quorated join again: the same key goes on where it stopped. To begin as another node, remove ${key} first`;
    return warn('identity', 'a join was begun and nothing of the cluster is stored', cure);
  }
  return ok('identity', joining ? 'none yet: the next start joins' : 'none yet: the first start founds a cluster');
}

export const REJOIN_CURE =
  'it cannot come back as the node it was. As a new one: mint a join token, and run quorated join with --force, which moves the old state aside';

/** Whether this node, once a voter, is no member any more, as far as it knows itself. */
export function wasRemoved({ cluster, state, nodeFile }: Facts): boolean {
  const file = present(nodeFile);
  if (file?.mode !== 'raft' || file.stage !== 'complete') return false;
  const known = cluster?.members ?? present(state)?.members ?? [];
  return known.length > 0 && !known.some(({ id }) => id === file.node_id);
}

/** What makes a start fail, or would make two nodes of one. */
function contradictions({ loaded, state }: Facts, file: NodeFile): Finding | undefined {
  const { data_dir: dataDir, node, raft } = loaded.config;
  const id = file.node_id;
  if (node.id !== 'auto' && node.id !== id) {
    const cure = `set node.id to ${id} or auto, or use another data_dir`;
    return fail('identity', `node.id is ${node.id}, but ${dataDir} belongs to node ${id}`, cure);
  }
  const clusterId = present(state)?.clusterId;
  if (clusterId !== undefined && clusterId !== file.cluster_id) {
    const cure = `put back the node.json and the state.db that belong together; or remove node ${id} from the cluster, ${removal(dataDir)}, and join again`;
    return fail('identity', `state.db is of cluster ${clusterId}, node.json of ${file.cluster_id}`, cure);
  }
  const journal = join(dataDir, 'raft');
  if (file.mode === 'raft' && file.stage === 'complete' && raft.endpoints.length === 0 && !existsSync(journal)) {
    const cure = `start quorated: it fetches the journal from the other members, and comes back as a learner first; where none is left: quorated recover`;
    return fail('identity', `the journal ${journal} is gone: node ${id} cannot come back as the voter it was`, cure);
  }
  return undefined;
}

function standing(facts: Facts, file: NodeFile): Finding {
  const { loaded, running } = facts;
  const { data_dir: dataDir } = loaded.config;
  const who = `node ${file.node_id} (${file.name})`;
  if (wasRemoved(facts)) return fail('identity', `${who} was removed from its cluster`, REJOIN_CURE);
  if (file.stage !== 'complete') {
    const go = running
      ? 'wait, or see its log'
      : 'start quorated, or run quorated join again: it resumes by the same key';
    const cure = `${go}. To give up: on a member, quorate cluster remove ${file.node_id}; then here, with quorated stopped, ${removal(dataDir)}`;
    return warn('identity', `${who} is not a voter yet: its join stands at "${file.stage}"`, cure);
  }
  if (file.mode === 'single' && existsSync(join(dataDir, 'raft')) && !running) {
    return ok(
      'identity',
      `${who}, single; the folder raft is left of a growth that was cut short, the next start removes it`,
    );
  }
  return ok('identity', `${who}, ${file.mode === 'single' ? 'single' : 'member of a cluster'}`);
}

/** Expiry, key, CA, name and the addresses that others dial. */
export function checkCertificate({ identity, nodeFile, loaded, now }: Facts): Finding[] {
  const own = present(identity);
  if (!own) return [];
  const file = present(nodeFile);
  const { cluster, raftPeer, raftClient } = advertisedAddresses(loaded.config);
  const hosts = [cluster, raftPeer, raftClient].flatMap((address) => parseHostPort(address)?.host ?? []);
  try {
    const expectedNodeId = file ? { expectedNodeId: file.node_id } : {};
    const info = checkNodeCertificate({ ...own, ...expectedNodeId, advertisedHosts: hosts, nowMs: now });
    return [expiry('certificate', info.notAfter, now), expiry('CA', inspectCertificate(own.caPem).notAfter, now)];
  } catch (error) {
    if (!(error instanceof CertificateError)) throw error;
    const found = failWith('certificate', error.message);
    const provisioned = loaded.config.cluster.tls.ca === '';
    if (provisioned && (error.code === 'expired' || error.code === 'not_yet_valid')) {
      const cure = 'start the node, which gets itself a new one; first see that its clock is right (timedatectl)';
      return [fail('certificate', found.detail, cure)];
    }
    if (error.code !== 'no_usable_san') return [found];
    const back = 'set cluster.address and cluster.advertise back to an address that it names';
    return [fail('certificate', found.detail, `${back}, or give the node a certificate that names this one`)];
  }
}

function expiry(check: string, notAfter: number, now: number): Finding {
  const days = Math.floor((notAfter - now) / DAY_MS);
  const detail = `valid until ${new Date(notAfter).toISOString().slice(0, 10)} (${days} days)`;
  if (notAfter - now > EXPIRY_WARN_MS) return ok(check, detail);
  return warn(check, detail, 'have it renewed before that: members refuse an expired one');
}
