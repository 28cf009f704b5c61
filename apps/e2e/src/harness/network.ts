import { execFileSync, spawnSync } from 'node:child_process';
import type { Workspace } from './workspace';

/** A network of the test's own: one namespace for each node, joined by a bridge that this process can reach too. */
export interface Network {
  /** Namespace and address of node `index`, from 1. */
  place(index: number): { namespace: string; host: string };
  /** Pulls the cable of node `index`: nothing gets in or out, and no side is told. */
  cut(index: number): void;
  heal(index: number): void;
  /** The bridge's own address, where this process listens. */
  readonly gateway: string;
  /** What node `index` sends to `host` gets lost from now on; everything else goes on. */
  block(index: number, host: string): void;
  unblock(index: number, host: string): void;
}

/** Why no network can be made here, and the cure; undefined when it can. */
export function networkObstacle(): string | undefined {
  if (process.getuid?.() !== 0) {
    return 'a real network cut needs root (network namespaces): run it as root, for example with sudo';
  }
  const probe = `qp${process.pid.toString(36)}`;
  const { status, stderr, error } = spawnSync('ip', ['netns', 'add', probe], { encoding: 'utf8' });
  if (status !== 0) {
    return `network namespaces cannot be made here (${(error?.message ?? stderr).trim()}); install iproute2, or allow CAP_NET_ADMIN and CAP_SYS_ADMIN`;
  }
  spawnSync('ip', ['netns', 'delete', probe]);
  return undefined;
}

const PREFIX = 'qe';

function ip(...args: readonly string[]): string {
  return execFileSync('ip', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

const quietly = (...args: readonly string[]): void => {
  spawnSync('ip', args, { stdio: 'ignore' });
};

/** Namespaces and bridges are named after the process that made them; what a killed one left behind goes. */
function sweepLeftovers(): void {
  const ownerOf = (name: string): number => {
    const match = new RegExp(`^${PREFIX}([0-9a-z]+)[nb]`).exec(name);
    return match?.[1] ? Number.parseInt(match[1], 36) : 0;
  };
  const isGone = (name: string): boolean => {
    const pid = ownerOf(name);
    return pid > 0 && spawnSync('kill', ['-0', String(pid)], { stdio: 'ignore' }).status !== 0;
  };
  const firstWord = (line: string): string => line.trim().split(/\s+/)[0] ?? '';
  for (const name of ip('netns', 'list').split('\n').map(firstWord).filter(isGone)) quietly('netns', 'delete', name);
  const links = ip('-o', 'link', 'show', 'type', 'bridge').split('\n');
  for (const name of links.map((line) => line.split(': ')[1] ?? '').filter(isGone)) quietly('link', 'delete', name);
}

/** @throws Error with the cure where it cannot be done */
export function createNetwork(workspace: Workspace, nodes: number): Network {
  const obstacle = networkObstacle();
  if (obstacle) throw new Error(obstacle);
  sweepLeftovers();
  const id = `${PREFIX}${process.pid.toString(36)}`;
  const bridge = `${id}b`;
  // From the range for benchmarks (RFC 2544), which real networks leave alone.
  const subnet = `198.${18 + (process.pid % 2)}.${(process.pid >> 1) % 250}`;
  const namespaceOf = (index: number): string => `${id}n${index}`;
  const linkOf = (index: number): string => `${id}v${index}`;

  workspace.defer(() => quietly('link', 'delete', bridge));
  ip('link', 'add', bridge, 'type', 'bridge');
  ip('address', 'add', `${subnet}.254/24`, 'dev', bridge);
  ip('link', 'set', bridge, 'up');
  for (let index = 1; index <= nodes; index++) {
    const namespace = namespaceOf(index);
    const link = linkOf(index);
    workspace.defer(() => {
      quietly('link', 'delete', link);
      quietly('netns', 'delete', namespace);
    });
    ip('netns', 'add', namespace);
    ip('link', 'add', link, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', namespace);
    ip('link', 'set', link, 'master', bridge, 'up');
    ip('-n', namespace, 'address', 'add', `${subnet}.${index}/24`, 'dev', 'eth0');
    ip('-n', namespace, 'link', 'set', 'eth0', 'up');
    ip('-n', namespace, 'link', 'set', 'lo', 'up');
  }
  return {
    place: (index) => ({ namespace: namespaceOf(index), host: `${subnet}.${index}` }),
    cut: (index) => void ip('link', 'set', linkOf(index), 'down'),
    heal: (index) => void ip('link', 'set', linkOf(index), 'up'),
    gateway: `${subnet}.254`,
    block: (index, host) => void ip('-n', namespaceOf(index), 'route', 'add', 'blackhole', `${host}/32`),
    unblock: (index, host) => void ip('-n', namespaceOf(index), 'route', 'del', 'blackhole', `${host}/32`),
  };
}
