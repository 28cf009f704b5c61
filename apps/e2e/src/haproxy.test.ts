import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { apiTokenRoutes } from '@quorate/shared/api-tokens';
import type { Client } from '@quorate/shared/client';
import { clusterRoutes } from '@quorate/shared/cluster';
import { haproxyRoutes } from '@quorate/shared/haproxy';
import { balancerRoutes } from '@quorate/shared/haproxy-balancers';
import { HEADER } from '@quorate/shared/http-headers';
import { serviceRoutes } from '@quorate/shared/services';
import { afterEach, describe, expect, it } from 'vitest';
import { Cli } from './harness/cli';
import type { Daemon } from './harness/daemon';
import { configureLoadBalancer, type Haproxy, startHaproxy, startManagedHaproxy } from './harness/haproxy';
import { clientOf, openConnection } from './harness/http-client';
import { startLoad } from './harness/load';
import { addNodes, lossesOf, note, useCluster } from './harness/suite';
import { until } from './harness/until';
import { sees, write } from './harness/writes';

const BALANCER_PORT = 8443;
/** A service that says which port it has. */
const SCRIPT = `const { PORT } = process.env;
require('node:http').createServer((_, answer) => answer.end('port ' + PORT)).listen(Number(PORT), '0.0.0.0');`;
const WEB = {
  ...{ command: process.execPath, args: ['-e', SCRIPT], ports: ['http'], publish: 'http' },
  health: { type: 'tcp', port: 'http', interval_seconds: 1 },
} as const;

describe('HAProxy with the configuration that the API gives out', () => {
  const suite = useCluster(async (it) => {
    addNodes(it, 3);
    await it.cluster.grow();
    await it.cluster.waitHealthy(3);
  });
  const { cluster, workspace } = suite;
  // An address that the first node's certificate names, so that clients can verify whoever answers there.
  const bind = `${workspace.loopback(1)}:${BALANCER_PORT}`;
  let haproxy: Haproxy | undefined;
  afterEach(() => haproxy?.stop());

  const connect = (scheme: 'http' | 'https'): Client => {
    const ca = scheme === 'https' ? { ca: readFileSync(cluster.node(0).caFile, 'utf8') } : {};
    return clientOf(openConnection(ca), `${scheme}://${bind}`, () => cluster.token);
  };

  /** Which nodes answer through the load balancer. */
  async function answering(client: Client, requests: number): Promise<Set<string>> {
    const nodes = new Set<string>();
    for (let n = 0; n < requests; n++) {
      const { headers } = await client.callFull(clusterRoutes.get, {});
      nodes.add(headers.get(HEADER.node) ?? '');
    }
    return nodes;
  }

  /** Nodes die under load, one after the other; every write gets through within its retries. */
  async function killInTurn(label: string, client: Client): Promise<void> {
    const load = startLoad({ label, clients: () => [client], pauseMs: 25 });
    await until('writes flow', () => load.acknowledged > 20);
    const [follower] = (await cluster.followers()) as [Daemon];
    for (const victim of [await cluster.leader(), follower]) {
      await victim.killAll();
      const before = load.acknowledged;
      await until('writes flow again', () => load.acknowledged > before + 25);
      await cluster.restart(victim);
      await cluster.waitHealthy(3);
    }
    const report = await load.stop();
    const gap = Math.round(report.longestGapMs);
    note(`${label}: ${report.acknowledged.length} writes, longest gap ${gap} ms, ${JSON.stringify(report.retried)}`);
    expect(await lossesOf(cluster, report)).toEqual([]);
  }

  it('spreads plain HTTP over the nodes and carries writes while they die', async () => {
    const config = await configureLoadBalancer(cluster.node(0).client(), { tls: 'plain', bind, balance: 'roundrobin' });
    haproxy = await startHaproxy(workspace, { name: 'plain', config, bind });
    const client = connect('http');
    await until('all nodes answer through it', async () => (await answering(client, 9)).size === 3);
    await killInTurn('plain', client);
  });

  it('takes no longer part of the traffic to a node that has no quorum', async () => {
    const config = await configureLoadBalancer(cluster.node(0).client(), { tls: 'plain', bind, balance: 'roundrobin' });
    haproxy = await startHaproxy(workspace, { name: 'failover', config, bind });
    const client = connect('http');
    const [gone] = (await cluster.followers()) as [Daemon];
    const id = String(await cluster.idOf(gone));
    await gone.killAll();
    await until('it gets no request any more', async () => !(await answering(client, 12)).has(id));
    await cluster.restart(gone);
    await until('it gets requests again', async () => (await answering(client, 12)).has(id));
    await cluster.waitHealthy(3);
  });

  it('is kept up to date by a watch: servers without a reload, nodes killed meanwhile, services published', async () => {
    const began = performance.now();
    const operator = cluster.node(0).client();
    const { token } = await operator.call(apiTokenRoutes.create, {
      body: { name: 'lb-1', role: 'viewer', ttl_seconds: null },
    });
    const tokenFile = join(workspace.dir, 'lb-1.token');
    writeFileSync(tokenFile, token, { mode: 0o600 });
    const runtime_socket = join(workspace.dir, 'managed.sock');
    const config = await configureLoadBalancer(operator, { tls: 'plain', bind, balance: 'roundrobin', runtime_socket });
    const managed = await startManagedHaproxy(workspace, { config, bind });
    const cli = new Cli(workspace.dir);
    const servers = cluster.nodes.map((node) => node.url).join(',');
    const args = ['--server', servers, '--token-file', tokenFile, 'haproxy', 'watch', '--name', 'lb-1'];
    const more = ['--out', managed.file, '--reload', managed.reloadScript, '--reload-interval', '0s'];
    const watch = cli.start([...args, ...more], { boundMs: 240_000 });
    const via = cluster.node(2);
    const balancer = async () => (await via.client().call(balancerRoutes.list, {})).items[0];
    const isCurrent = (what: string) =>
      until(`lb-1 is current: ${what}`, async () => (await balancer())?.status === 'current' && balancer());
    await isCurrent('at first');
    expect(managed.reloads()).toBe(1);
    // It reports to the first node; the others learn from that one.
    await until('node-3 knows when it was last heard of', async () => (await balancer())?.last_heard_at != null);
    const listed = await cli.run([...args.slice(0, 4), 'haproxy', 'balancer', 'list', '-o', 'name']);
    expect(listed.stdout).toBe('lb-1\n');

    // A member drains and comes back.
    const client = connect('http');
    const drained = cluster.node(1);
    const id = await cluster.idOf(drained);
    await operator.call(clusterRoutes.drainMember, { params: { id } });
    await until('the drained node gets nothing', async () => !(await answering(client, 9)).has(String(id)));
    expect(await isCurrent('drained')).toMatchObject({ via: 'runtime', reported_by: 'lb-1' });
    await operator.call(clusterRoutes.resumeMember, { params: { id } });
    await until('all nodes answer again', async () => (await answering(client, 9)).size === 3);
    expect(managed.reloads()).toBe(1);

    // The node that the watch asks first is gone; what changes then is a matter for a reload.
    await cluster.node(0).killAll();
    const service = `${workspace.loopback(2)}:${BALANCER_PORT}`;
    const survivor = via.client();
    await until('there is a leader', async () => (await cluster.view(via)).leader_id !== null);
    await survivor.call(serviceRoutes.create, { body: { name: 'web', spec: WEB, replicas: 1 } });
    const settings = await survivor.call(haproxyRoutes.getSettings, {});
    const services = [{ service: 'web', bind: service }];
    await survivor.call(haproxyRoutes.putSettings, { body: { ...settings, services } });
    const slots = async (): Promise<number> => {
      const texts = Array.from({ length: 8 }, () => fetch(`http://${service}/`).then((answer) => answer.text()));
      return new Set((await Promise.all(texts)).filter((text) => text.startsWith('port '))).size;
    };
    await until('the service answers through the load balancer', async () => (await slots()) === 1);
    await isCurrent('published');
    const before = managed.reloads();
    expect(before).toBe(2);

    // More replicas are servers like any other.
    await survivor.call(serviceRoutes.scale, { params: { name: 'web' }, body: { replicas: 3 } });
    await until('three replicas answer', async () => (await slots()) === 3);
    await survivor.call(serviceRoutes.scale, { params: { name: 'web' }, body: { replicas: 1 } });
    await until('one replica answers', async () => (await slots()) === 1);
    expect(await isCurrent('scaled')).toMatchObject({ via: 'runtime' });
    expect(managed.reloads()).toBe(before);

    // Nobody follows any more.
    expect((await watch.stop()).status).toBe(0);
    const changed = { ...settings, services: [], max_connections: 5000 };
    await survivor.call(haproxyRoutes.putSettings, { body: changed });
    expect((await balancer())?.status).toBe('stale');
    await cluster.restart(cluster.node(0));
    await cluster.waitHealthy(3);
    await survivor.call(serviceRoutes.remove, { params: { name: 'web' } });
    await survivor.call(balancerRoutes.remove, { params: { name: 'lb-1' } });
    await managed.stop();
    note(`watch: ${managed.reloads()} reloads, ${Math.round((performance.now() - began) / 1000)} s`);
  }, 240_000);

  it('passes TLS through to nodes that were switched to it one by one, live', async () => {
    for (const node of cluster.nodes) {
      await node.stop();
      node.switchToTls();
      await node.start();
      await node.waitReady();
      await cluster.waitHealthy(3);
    }
    await until('the cluster knows the new addresses', async () =>
      (await cluster.view()).members.every((member) => member.api_url.startsWith('https:')),
    );
    const config = await configureLoadBalancer(cluster.node(0).client(), {
      tls: 'passthrough',
      bind,
      ca_path: cluster.node(0).caFile,
    });
    expect(config).toMatch(/mode tcp/);
    haproxy = await startHaproxy(workspace, { name: 'passthrough', config, bind });
    const names = { checkServerIdentity: () => undefined };
    const ca = readFileSync(cluster.node(0).caFile, 'utf8');
    const client = clientOf(openConnection({ ca, ...names }), `https://${bind}`, () => cluster.token);
    await killInTurn('passthrough', client);
  });

  it('terminates TLS with a certificate of its own and verifies the nodes', async () => {
    const first = cluster.node(0);
    const pki = join(first.dataDir, 'pki');
    const pem = join(workspace.dir, 'balancer.pem');
    const text = ['node.crt', 'ca.crt', 'node.key'].map((name) => readFileSync(join(pki, name), 'utf8')).join('\n');
    writeFileSync(pem, text, { mode: 0o600 });
    const config = await configureLoadBalancer(first.client(), {
      tls: 'terminate',
      bind,
      certificate_path: pem,
      ca_path: first.caFile,
    });
    expect(config).toMatch(/verify required/);
    haproxy = await startHaproxy(workspace, { name: 'terminate', config, bind });
    const client = connect('https');
    const written = await write(client, 'through-terminated-tls');
    expect(await sees(client, written)).toBe(true);
    await killInTurn('terminate', client);
  });
});
