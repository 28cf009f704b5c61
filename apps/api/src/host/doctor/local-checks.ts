import { accessSync, constants, existsSync, statfsSync, statSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { dirname, resolve } from 'node:path';
import type { Member } from '@quorate/shared/cluster';
import { formatHostPort, parseHostPort } from '../../lib/net';
import { EtcdBinaryError, etcdVersion, formatVersion, isAtLeast } from '../../replication/etcd/binary';
import { codeOf, reasonOf } from '../host-error';
import { explainFailure } from '../start-errors';
import { knownSchemaVersion, newerSchema, stateCure, stateFilePath } from '../state-file';
import { type Facts, present } from './facts';
import { type Finding, fail, failWith, ok, warn } from './finding';

const CONNECT_MS = 3_000;
const MiB = 1024 ** 2;
const DISK_FAIL_BYTES = 64 * MiB;
const DISK_WARN_BYTES = 1024 * MiB;

/** The nearest folder that exists: where a data directory would be made. */
function existingParent(path: string): string {
  let at = resolve(path);
  while (!existsSync(at) && dirname(at) !== at) at = dirname(at);
  return at;
}

const isWritable = (path: string): boolean => {
  try {
    accessSync(path, constants.W_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
};

export function checkDataDir({ loaded }: Facts): Finding[] {
  const dataDir = loaded.config.data_dir;
  const at = existingParent(dataDir);
  const findings: Finding[] = [];
  if (existsSync(dataDir) && !statSync(dataDir).isDirectory()) {
    return [fail('data directory', `${dataDir} is a file`, 'set data_dir to a folder')];
  }
  if (isWritable(at)) {
    const when = at === resolve(dataDir) ? 'writable' : `made at the first start, in ${at}`;
    findings.push(ok('data directory', `${dataDir}: ${when}`));
  } else {
    const who = `the user with id ${process.getuid?.() ?? '?'}`;
    const cure = 'run this as the user that runs quorated, or let that user own it (chown -R)';
    findings.push(fail('data directory', `${at} cannot be written by ${who}`, cure));
  }
  const { bavail, bsize } = statfsSync(at);
  const free = bavail * bsize;
  const shown = `${free >= 1024 * MiB ? `${(free / (1024 * MiB)).toFixed(1)} GiB` : `${Math.floor(free / MiB)} MiB`} free`;
  const cure = 'free space on this disk, or move data_dir to another one';
  if (free < DISK_FAIL_BYTES) findings.push(fail('disk', shown, cure));
  else if (free < DISK_WARN_BYTES) findings.push(warn('disk', `${shown}; a journal may grow to 2 GiB`, cure));
  else findings.push(ok('disk', shown));
  return findings;
}

/** Tries to listen, and stops at once. Resolves with the system's error code, or ''. */
function tryListen(host: string, port: number): Promise<string> {
  return new Promise((settle) => {
    const server = createServer();
    server.once('error', (error) => settle(codeOf(error) || 'unknown'));
    server.listen({ host, port, exclusive: true }, () => server.close(() => settle('')));
  });
}

/** Whether this is the running node itself, which knows that it was removed: it has no etcd any more. */
const isRemoved = ({ self, health_detail: detail }: Member): boolean =>
  self && detail.startsWith('removed from the cluster');

/** Whether the running node has this listener open by now. */
function isOurs({ running, nodeFile, cluster, waiting }: Facts, key: string): boolean {
  if (!running) return false;
  if (key === 'cluster.address' && waiting) return true;
  if (key.startsWith('raft.') && cluster?.members.some(isRemoved)) return false;
  return key === 'api.address' || (cluster?.mode ?? present(nodeFile)?.mode) === 'raft';
}

async function checkPort(facts: Facts, key: string, text: string): Promise<Finding> {
  const address = parseHostPort(text);
  const check = `port ${text}`;
  if (!address) return fail(check, `${key} is not host:port`, `correct ${key}`);
  const code = await tryListen(address.host, address.port);
  const where = formatHostPort(address);
  if (code === '') {
    return isOurs(facts, key)
      ? warn(
          check,
          `${key}: nothing listens there although the node runs`,
          'see the log of quorated; it may be starting',
        )
      : ok(check, `${key}: free`);
  }
  if (code === 'EADDRINUSE') {
    if (isOurs(facts, key)) return ok(check, `${key}: used by this node`);
    return fail(check, `${key}: another program listens on ${where}`, `stop it (ss -ltnp shows it), or change ${key}`);
  }
  if (code === 'EADDRNOTAVAIL') {
    return fail(check, `${key}: this host has no address ${address.host}`, `set ${key} to one of its own (ip addr)`);
  }
  return fail(check, `${key}: ${code}`, `change ${key}, or give the service the right to listen there`);
}

export function checkPorts(facts: Facts): Promise<Finding[]> {
  const { api, cluster, raft } = facts.loaded.config;
  const listeners: [string, string][] = [
    ['api.address', api.address],
    ['cluster.address', cluster.address],
    ...(raft.endpoints.length > 0
      ? []
      : ([
          ['raft.peer_address', raft.peer_address],
          ['raft.client_address', raft.client_address],
        ] as [string, string][])),
  ];
  return Promise.all(listeners.map(([key, text]) => checkPort(facts, key, text)));
}

/** An etcd of the operator: whether something listens there; the node itself shows its certificate to it. */
async function checkEndpoint(endpoint: string): Promise<Finding> {
  const { hostname, port } = new URL(endpoint);
  const check = `etcd ${endpoint}`;
  const failure = await tryConnect(hostname.replace(/^\[|\]$/g, ''), Number(port || 2379));
  if (failure === '') return ok(check, 'raft.endpoints: something listens there');
  return fail(check, `raft.endpoints: ${failure}`, 'start that etcd, open its port, or correct the address');
}

/** Why no connection stands, or ''. */
function tryConnect(host: string, port: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: CONNECT_MS });
    const settle = (failure: string): void => {
      socket.destroy();
      resolve(failure);
    };
    socket.once('connect', () => settle(''));
    socket.once('timeout', () => settle(`no answer within ${CONNECT_MS} ms`));
    socket.once('error', (error) => settle(codeOf(error) || error.message));
  });
}

export async function checkEtcd({ loaded, nodeFile }: Facts): Promise<Finding[]> {
  const { config } = loaded;
  if (config.raft.endpoints.length > 0) return Promise.all(config.raft.endpoints.map(checkEndpoint));
  try {
    const version = await etcdVersion(config.raft.binary);
    const minor34 = { major: 3, minor: 5, patch: 33 };
    const advice = isAtLeast(version, minor34) ? '' : ' (supported; 3.5.33 or newer, or 3.6, is recommended)';
    return [ok('etcd', `${config.raft.binary} ${formatVersion(version)}${advice}`)];
  } catch (error) {
    if (!(error instanceof EtcdBinaryError)) throw error;
    const needed = present(nodeFile)?.mode === 'raft' || config.cluster.mode === 'join';
    const found = failWith('etcd', error.message);
    if (needed) return [found];
    return [warn('etcd', `${found.detail}; a single node runs without it, a cluster does not`, found.cure)];
  }
}

export function checkState(facts: Facts): Finding[] {
  const { state, loaded, migrationsDir } = facts;
  const dataDir = loaded.config.data_dir;
  if (!('value' in state)) {
    const code = codeOf(state.error);
    const damaged = code === '' || /^SQLITE_(NOTADB|CORRUPT)/.test(code);
    const clustered = present(facts.nodeFile)?.mode === 'raft';
    if (damaged)
      return [fail('state', `${stateFilePath(dataDir)}: ${reasonOf(state.error)}`, stateCure(dataDir, clustered))];
    return [failWith('state', explainFailure(state.error, loaded.config))];
  }
  if (!state.value) return [ok('state', 'none yet')];
  const { schemaVersion, epoch, appliedIndex } = state.value;
  const known = knownSchemaVersion(migrationsDir);
  if (schemaVersion > known) return [failWith('state', newerSchema(dataDir, schemaVersion, known))];
  return [ok('state', `sound; epoch ${epoch}, index ${appliedIndex}, schema ${schemaVersion} of ${known}`)];
}

export function checkAgent({ cluster, agentFailure, running, loaded }: Facts): Finding[] {
  const dataDir = loaded.config.data_dir;
  if (cluster) return [ok('daemon', `runs: node ${cluster.node_id}, ${cluster.mode}, version ${cluster.version}`)];
  if (agentFailure === 'EACCES') {
    const cure = 'run this as root or as the user that runs quorated';
    return [warn('daemon', `${dataDir}/agent.sock may not be opened by this user`, cure)];
  }
  if (running === false)
    return [warn('daemon', 'does not run', 'start it: systemctl start quorated, or quorated serve')];
  if (running === undefined) {
    return [
      warn('daemon', 'whether it runs cannot be told by this user', 'run this as root or as the user of quorated'),
    ];
  }
  const detail = `a process has ${dataDir} open, but its agent socket does not answer (${agentFailure})`;
  return [
    fail('daemon', detail, 'see its log (journalctl -u quorated): it may be starting or joining; else restart it'),
  ];
}

export function checkQuorum({ cluster }: Facts): Finding[] {
  if (!cluster) return [];
  const { quorum } = cluster;
  if (cluster.mode === 'single') return [ok('quorum', quorum.sentence)];
  if (!quorum.held) return [fail('quorum', quorum.sentence, quorum.advice || 'bring the missing members back')];
  return [quorum.advice ? warn('quorum', quorum.sentence, quorum.advice) : ok('quorum', quorum.sentence)];
}

/** Nodes that were let in and never became voters: they hold up every other join. */
export const checkJoins = ({ openJoins }: Pick<Facts, 'openJoins'>): Finding[] =>
  openJoins.map(({ node_id: id, node_name: name, stage, state, detail }) => {
    const what = `${name} (node ${id}) stands at "${stage.replaceAll('_', ' ')}"`;
    if (state === 'running') return ok('joins', `${what}: ${detail}`);
    const fresh = "move that host's data directory away, if it is to join as a new node";
    return warn(
      'joins',
      `${what} and went silent`,
      `start quorated there; or: quorate cluster remove ${id}, and ${fresh}`,
    );
  });
