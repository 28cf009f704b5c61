import { copyFileSync, rmSync } from 'node:fs';
import { clusterRoutes } from '@quorate/shared/cluster';
import { setupRoutes } from '@quorate/shared/setup';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ADMIN, Cluster } from './harness/cluster';
import type { Daemon, Settings } from './harness/daemon';
import { createOperatorPki, type OperatorPki } from './harness/operator-pki';
import { addNodes } from './harness/suite';
import { until } from './harness/until';
import { createWorkspace } from './harness/workspace';
import { sees, write } from './harness/writes';

// One workspace: each test has a cluster of its own on the same addresses, so that its certificates are issued once.
const workspace = createWorkspace();
let cluster: Cluster;
let pki: OperatorPki;
const certificates: Settings[] = [];

/** What every founding member is told, its own certificate included. */
const settings = (index: number, more: Settings = {}): Settings => ({
  'cluster.mode': 'bootstrap',
  'cluster.peers': cluster.nodes.map((node) => node.clusterAddress).join(','),
  'cluster.bootstrap_expect': '3',
  ...certificates[index],
  ...more,
});

function newCluster(): Cluster {
  const made = new Cluster(workspace);
  addNodes({ workspace, cluster: made }, 3);
  return made;
}

/** In files of their own: tests issue others for the same ids. */
function copyOf(issued: Settings): Settings {
  const copy = (path: string): string => {
    copyFileSync(path, `${path}.copy`);
    return `${path}.copy`;
  };
  return Object.fromEntries(Object.entries(issued).map(([key, path]) => [key, copy(path)]));
}

beforeAll(() => {
  const [one, two, three] = newCluster().nodes as [Daemon, Daemon, Daemon];
  pki = createOperatorPki(workspace);
  certificates.push(...[pki.issue(one, 1), pki.issue(two, 2), pki.issueByOpenssl(three, 3)].map(copyOf));
});
beforeEach(() => {
  cluster = newCluster();
});
afterEach(async ({ task }) => {
  if (task.result?.state === 'fail') process.stderr.write(`── ${task.name}\n${cluster.logs()}\n`);
  for (const node of cluster.nodes) {
    await node.killAll();
    await until(`etcd of ${node.name} is gone`, () => node.etcdPid() === undefined);
    rmSync(node.dataDir, { recursive: true, force: true });
    rmSync(node.logFile, { force: true });
  }
});
afterAll(() => workspace.close());

async function formed(): Promise<void> {
  for (const node of cluster.nodes) await node.waitLive();
  for (const node of cluster.nodes) await node.waitReady();
  for (const node of cluster.nodes) {
    expect((await viewOf(node)).members.map(({ id, suffrage }) => [id, suffrage])).toEqual([
      [1, 'voter'],
      [2, 'voter'],
      [3, 'voter'],
    ]);
  }
  const ids = await Promise.all(cluster.nodes.map(async (node) => (await viewOf(node)).id));
  expect(new Set(ids).size).toBe(1);
}

const viewOf = (node: Daemon) => node.local().call(clusterRoutes.get, {});

describe('three nodes found a cluster together', () => {
  it.each([
    [0, 1, 2],
    [2, 1, 0],
    [1, 2, 0],
  ])('started in the order %i %i %i, the last one late', async (...order) => {
    const [first, second, last] = order as [number, number, number];
    cluster.node(first).spawn(settings(first));
    await cluster.node(first).waitForLog(/nobody answers at/);
    cluster.node(second).spawn(settings(second));
    await cluster.node(second).waitForLog(new RegExp(`nobody answers at ${cluster.node(last).clusterAddress}`));
    expect(cluster.node(first).log()).not.toContain('was founded');
    cluster.node(last).spawn(settings(last));
    await formed();
    // The first admin is made once, whoever is asked.
    const setUp = async (node: Daemon): Promise<number> => {
      const { setup_code } = await node.local().call(setupRoutes.code, {});
      const body = { cluster_name: node.name, username: ADMIN, password: cluster.password, setup_code };
      return node
        .local()
        .callFull(setupRoutes.create, { body })
        .then(
          ({ status }) => status,
          ({ status }) => status as number,
        );
    };
    expect((await Promise.all(cluster.nodes.map(setUp))).sort()).toEqual([201, 409, 409]);
    await cluster.signIn(cluster.node(1));
    const written = await write(cluster.node(2).client(), 'after-bootstrap');
    for (const node of cluster.nodes) expect(await sees(node.client(), written)).toBe(true);
  });

  it('goes on from wherever it was killed, and founds once', async () => {
    const all = [0, 1, 2].map((index) => settings(index));
    const spawn = (index: number) => cluster.node(index).spawn(all[index]);
    for (const moment of [/every founding member agrees/, /was founded/, /etcd is ready/]) {
      const from = cluster.node(0).log().length;
      for (const index of [0, 1, 2]) if (!cluster.node(index).running) spawn(index);
      await cluster.node(0).waitForLog(moment, { from, everyMs: 2 });
      await cluster.node(0).killAll();
    }
    spawn(0);
    for (const moment of [/certificate issued|was admitted/, /etcd is ready/]) {
      await cluster.node(1).waitForLog(moment, { everyMs: 2 });
      await cluster.node(1).killAll();
      spawn(1);
    }
    await formed();
  });

  it('names what does not fit on one of them, and forms once it is corrected', async () => {
    const [one, two, three] = cluster.nodes as [Daemon, Daemon, Daemon];
    one.spawn(settings(0));
    two.spawn(settings(1));
    const wrongs: [() => Settings, RegExp][] = [
      [
        () => ({ 'cluster.peers': `${one.clusterAddress},${three.clusterAddress}`, 'cluster.bootstrap_expect': '2' }),
        /node-3 \(node 3\) at .* has cluster\.peers \[.*\], here it is/,
      ],
      [() => ({ 'cluster.token': 'another' }), /has cluster\.token another, here it is quorate/],
      [() => ({ 'node.name': 'node-1' }), /has the name of this node: set node\.name/],
      [() => pki.issue(three, 1), /has the node id of this node: give each member a certificate/],
      [
        () => createOperatorPki(workspace, 'foreign').issue(three, 3),
        /the certificate at .* is refused: it is not signed by cluster\.tls\.ca/,
      ],
    ];
    for (const [wrong, said] of wrongs) {
      const from = one.log().length;
      three.spawn({ ...settings(2), ...wrong() });
      await one.waitForLog(said, { from });
      await three.kill();
    }
    expect([one.running, two.running]).toEqual([true, true]);
    three.spawn(settings(2));
    await formed();
  });

  it('refuses a certificate that cannot work at the start, naming the cure', async () => {
    const node = cluster.node(2);
    const base = settings(2);
    const refused = async (more: Settings): Promise<string> => {
      const from = node.log().length;
      node.spawn({ ...base, ...more });
      expect(await node.ended()).toBe(1);
      return node.log().slice(from);
    };
    expect(await refused(pki.issueByOpenssl(node, 3, { cn: 'web-server' }))).toMatch(/common name.*issue it with CN=/);
    expect(await refused(pki.issueByOpenssl(node, 3, { eku: 'serverAuth' }))).toMatch(
      /lacks the extended key usage clientAuth/,
    );
    expect(await refused(pki.issueByOpenssl(node, 3, { san: 'IP:192.0.2.1' }))).toMatch(
      /issue it with subjectAltName=IP:/,
    );
    expect(await refused({ ...pki.issue(node, 3), 'node.id': '5' })).toMatch(/is of node 3, but this is node 5/);
    const other = pki.issue(node, 4);
    expect(await refused({ ...pki.issue(node, 3), 'cluster.tls.key': String(other['cluster.tls.key']) })).toMatch(
      /private key does not belong to the certificate/,
    );
    expect(await refused({ 'cluster.tls.cert': '/nowhere.crt' })).toMatch(/cluster\.tls\.cert cannot be read/);
  });
});
