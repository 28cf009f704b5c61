import { upstreamUrlProblem } from '@quorate/shared/connector';
import { isLoopback, parseHostPort } from '../lib/net';
import type { RawConfig } from './schema';

/** A rule over several keys that does not hold. */
export interface RuleProblem {
  readonly key: string;
  /** Keys whose values the rule read beside `key`; it says nothing when one of them is malformed. */
  readonly uses: readonly string[];
  readonly message: string;
}

const problem = (key: string, uses: readonly string[], message: string): RuleProblem => ({ key, uses, message });

function* apiRules({ api }: RawConfig): Iterable<RuleProblem> {
  const { mode, cert, key } = api.tls;
  const host = parseHostPort(api.address)?.host ?? '';
  if (mode === 'off' && !isLoopback(host) && !api.tls.allow_insecure) {
    yield problem(
      'api.tls.mode',
      ['api.address', 'api.tls.allow_insecure'],
      `off would send passwords in clear over ${api.address}; use auto or files, or set api.tls.allow_insecure: true`,
    );
  }
  if (mode === 'files') {
    if (!cert) yield problem('api.tls.cert', ['api.tls.mode'], 'must name a PEM file when api.tls.mode is files');
    if (!key) yield problem('api.tls.key', ['api.tls.mode'], 'must name a PEM file when api.tls.mode is files');
  }
}

function* joinRules({ cluster: { mode, join } }: RawConfig): Iterable<RuleProblem> {
  if (mode !== 'join') return;
  const uses = ['cluster.mode'];
  if (!join.url) yield problem('cluster.join.url', uses, 'must be the https://HOST:PORT of a member when joining');
  if (!join.ca_fingerprint) {
    yield problem('cluster.join.ca_fingerprint', uses, 'must be the sha256:HEX shown beside the token when joining');
  }
  if (!join.token && !join.token_path) {
    yield problem('cluster.join.token_path', [...uses, 'cluster.join.token'], 'must name the file with the join token');
  }
  if (join.token && join.token_path) {
    yield problem(
      'cluster.join.token',
      [...uses, 'cluster.join.token_path'],
      'give either token or token_path, not both',
    );
  }
}

function* bootstrapRules({ cluster }: RawConfig): Iterable<RuleProblem> {
  if (cluster.mode !== 'bootstrap') return;
  const uses = ['cluster.mode'];
  if (cluster.tls.ca === '' && cluster.tls.cert === '' && cluster.tls.key === '') {
    yield problem(
      'cluster.tls',
      [...uses, 'cluster.tls.ca', 'cluster.tls.cert', 'cluster.tls.key'],
      'must be given in bootstrap mode, where the members know each other by your CA; make them with "quorated pki init" and "quorated pki issue"',
    );
  }
  const own = cluster.advertise || cluster.address;
  if (cluster.peers.length === 0) {
    yield problem('cluster.peers', uses, "must list every founding member's cluster address in bootstrap mode");
    return;
  }
  if (new Set(cluster.peers).size !== cluster.peers.length) {
    yield problem('cluster.peers', uses, 'lists an address twice; each founding member stands there once');
  }
  if (cluster.peers.length !== cluster.bootstrap_expect) {
    yield problem(
      'cluster.bootstrap_expect',
      [...uses, 'cluster.peers'],
      `is ${cluster.bootstrap_expect}, but cluster.peers lists ${cluster.peers.length}; make them equal`,
    );
  }
  if (own !== 'auto' && !cluster.peers.includes(own)) {
    yield problem(
      'cluster.peers',
      [...uses, 'cluster.address', 'cluster.advertise'],
      `does not list this node's own address ${own}; the list is the same on every member`,
    );
  }
}

function* connectorRules({ connector: { url } }: RawConfig): Iterable<RuleProblem> {
  const wrong = upstreamUrlProblem(url.replace(/^http(s?):/i, 'ws$1:'), { shared: false });
  if (wrong) yield problem('connector.url', [], wrong);
}

function* certificateRules({ cluster, connector }: RawConfig): Iterable<RuleProblem> {
  const { ca, cert, key } = cluster.tls;
  const given = [ca, cert, key].filter((path) => path !== '').length;
  if (given > 0 && given < 3) {
    yield problem(
      'cluster.tls',
      ['cluster.tls.ca', 'cluster.tls.cert', 'cluster.tls.key'],
      'give ca, cert and key, or none of them',
    );
  }
  if ((connector.cert === '') !== (connector.key === '')) {
    yield problem(
      connector.cert ? 'connector.key' : 'connector.cert',
      ['connector.cert', 'connector.key'],
      'give cert and key, or neither',
    );
  }
}

/** An etcd of the operator. */
function* endpointRules({ raft: { endpoints, tls } }: RawConfig): Iterable<RuleProblem> {
  const given = [tls.ca, tls.cert, tls.key].filter((path) => path !== '').length;
  if (given > 0 && given < 3) {
    yield problem(
      'raft.tls',
      ['raft.tls.ca', 'raft.tls.cert', 'raft.tls.key'],
      'give ca, cert and key, or none of them',
    );
  }
  const clear = endpoints.filter((url) => url.startsWith('http://'));
  if (clear.length > 0 && clear.length < endpoints.length) {
    yield problem('raft.endpoints', [], 'mixes http:// and https://; use https:// for all');
  }
  const open = clear.find((url) => URL.canParse(url) && !isLoopback(new URL(url).hostname));
  if (open) yield problem('raft.endpoints', [], `would send the log in clear to ${open}; use https://`);
}

function* raftRules({ raft }: RawConfig): Iterable<RuleProblem> {
  if (raft.profile !== 'custom') return;
  const uses = ['raft.profile'];
  if (raft.heartbeat === '')
    yield problem('raft.heartbeat', uses, 'must be given when raft.profile is custom, such as 100ms');
  if (raft.election === '')
    yield problem('raft.election', uses, 'must be given when raft.profile is custom, such as 1s');
  if (raft.heartbeat !== '' && raft.election !== '' && raft.election < 5 * raft.heartbeat) {
    yield problem(
      'raft.election',
      [...uses, 'raft.heartbeat'],
      'must be at least 5 times raft.heartbeat, or members elect without need',
    );
  }
}

/** Listeners that take the same host and port; a wildcard host takes the port on all. */
function* addressRules({ api, cluster, raft }: RawConfig): Iterable<RuleProblem> {
  const own = parseHostPort(cluster.address);
  if (own && own.port > 65533 && (!raft.peer_address || !raft.client_address) && raft.endpoints.length === 0) {
    yield problem(
      'cluster.address',
      ['raft.peer_address', 'raft.client_address'],
      'leaves no room for the Raft ports (port + 1, + 2); use a port up to 65533',
    );
    return;
  }
  const at = (offset: number): string => (own ? `${own.host}:${own.port + offset}` : '');
  const listeners: [string, string][] = [
    ['api.address', api.address],
    ['cluster.address', cluster.address],
    ['raft.peer_address', raft.peer_address || at(1)],
    ['raft.client_address', raft.client_address || at(2)],
  ];
  const wildcard = (host: string): boolean => host === '0.0.0.0' || host === '::';
  for (const [index, [key, text]] of listeners.entries()) {
    for (const [otherKey, otherText] of listeners.slice(0, index)) {
      const a = parseHostPort(text);
      const b = parseHostPort(otherText);
      if (!a || !b || a.port !== b.port) continue;
      if (a.host === b.host || wildcard(a.host) || wildcard(b.host)) {
        yield problem(
          key,
          [otherKey, 'cluster.address'],
          `${text} collides with ${otherKey} (${otherText}); give each its own port`,
        );
      }
    }
  }
}

/** Every rule over several keys that a well-formed configuration breaks. */
export function brokenRules(config: RawConfig): RuleProblem[] {
  const rules = [
    apiRules,
    joinRules,
    bootstrapRules,
    certificateRules,
    connectorRules,
    endpointRules,
    raftRules,
    addressRules,
  ];
  return rules.flatMap((rule) => [...rule(config)]);
}

/** Things that work but are probably not meant. */
export function configWarnings({ api, cluster, raft }: RawConfig): string[] {
  const warnings: string[] = [];
  if (api.tls.mode !== 'files' && (api.tls.cert || api.tls.key)) {
    warnings.push('api.tls.cert and api.tls.key are ignored unless api.tls.mode is files');
  }
  if (raft.profile !== 'custom' && (raft.heartbeat !== '' || raft.election !== '')) {
    warnings.push('raft.heartbeat and raft.election are ignored unless raft.profile is custom');
  }
  if (cluster.mode !== 'bootstrap' && cluster.peers.length > 0) {
    warnings.push('cluster.peers is ignored unless cluster.mode is bootstrap');
  }
  if (cluster.mode === 'bootstrap' && cluster.bootstrap_expect % 2 === 0) {
    warnings.push(
      `cluster.bootstrap_expect is even: ${cluster.bootstrap_expect} voters tolerate no more failures than ${cluster.bootstrap_expect - 1}`,
    );
  }
  if (cluster.join.token) {
    warnings.push(
      'cluster.join.token stands in clear where it was set; prefer cluster.join.token_path with a file of mode 0600',
    );
  }
  return warnings;
}
