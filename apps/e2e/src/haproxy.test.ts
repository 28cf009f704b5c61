import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Client } from '@quorate/shared/client';
import { clusterRoutes } from '@quorate/shared/cluster';
import { HEADER } from '@quorate/shared/http-headers';
import { afterEach, describe, expect, it } from 'vitest';
import type { Daemon } from './harness/daemon';
import { configureLoadBalancer, type Haproxy, startHaproxy } from './harness/haproxy';
import { clientOf, openConnection } from './harness/http-client';
import { startLoad } from './harness/load';
import { addNodes, lossesOf, note, useCluster } from './harness/suite';
import { until } from './harness/until';
import { sees, write } from './harness/writes';

const BALANCER_PORT = 8443;

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

  /** Each node dies once under load; every write gets through within its retries. */
  async function killEachInTurn(label: string, clients: () => Client[]): Promise<void> {
    const load = startLoad({ label, clients, pauseMs: 25 });
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
    await killEachInTurn('plain', () => [client]);
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
    await killEachInTurn('passthrough', () => [client]);
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
    await killEachInTurn('terminate', () => [client]);
  });
});
