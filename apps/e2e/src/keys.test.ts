import { cpSync, mkdtempSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { clusterRoutes } from '@quorate/shared/cluster';
import { joinTokenRoutes } from '@quorate/shared/join-tokens';
import { type CaRotationView, keyRoutes } from '@quorate/shared/keys';
import { sessionRoutes } from '@quorate/shared/session';
import { webhookRoutes } from '@quorate/shared/webhooks';
import { describe, expect, it } from 'vitest';
import type { Daemon } from './harness/daemon';
import { type Load, startLoad } from './harness/load';
import { addNodes, lossesOf, note, useCluster } from './harness/suite';
import { until } from './harness/until';
import { refusalOf, sees, write } from './harness/writes';

describe('keys and certificates of three nodes', () => {
  /** Certificate and key of a node that was removed before anything was rotated. */
  let stolen: { cert: string; key: string; ca: string };
  const suite = useCluster(async (it) => {
    addNodes(it, 4);
    await it.cluster.grow();
    const thief = it.cluster.node(3);
    const kept = mkdtempSync(join(it.workspace.dir, 'stolen-'));
    cpSync(join(thief.dataDir, 'pki'), kept, { recursive: true });
    const read = (file: string) => readFileSync(join(kept, file), 'utf8');
    stolen = { cert: read('node.crt'), key: read('node.key'), ca: read('ca.crt') };
    const id = await it.cluster.idOf(thief);
    await until('the thief is removed', () =>
      it.cluster.node(0).client().call(clusterRoutes.removeMember, { params: { id } }),
    );
    await thief.stop();
    it.cluster.nodes.pop();
    await it.cluster.waitHealthy(3);
  });
  const { cluster } = suite;
  const keysAt = (node: Daemon) => node.client().call(keyRoutes.get, {});
  const clusterKeyOf = (node: Daemon) => readFileSync(join(node.dataDir, 'pki/cluster.key'), 'utf8');
  const load = (label: string): Load =>
    startLoad({ label, clients: () => cluster.running().map((node) => node.client(8_000)) });
  const operation = async () => {
    for (const node of cluster.running()) {
      const found = await node
        .client(2_000)
        .call(keyRoutes.caRotation, {})
        .catch(() => undefined);
      if (found) return found.operation;
    }
    return null;
  };

  /** Whether etcd of a node answers to somebody with this certificate. */
  const letsIn = (node: Daemon, trusting: string): Promise<boolean> =>
    new Promise((resolve) => {
      const { host } = node.spec;
      const socket = connect({
        host,
        port: 7002,
        cert: stolen.cert,
        key: stolen.key,
        ca: trusting,
        ALPNProtocols: ['h2'],
      });
      // With TLS 1.3 a refused client certificate shows only after the handshake; a server that accepts it speaks first.
      socket.once('data', () => end(true));
      socket.once('error', () => end(false));
      socket.once('close', () => end(false));
      socket.once('secureConnect', () => socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0'));
      function end(answer: boolean): void {
        socket.destroy();
        resolve(answer);
      }
    });

  it('rotates the session key under load without ending a session', async () => {
    const running = load('session');
    const before = cluster.token ?? '';
    await until('writes flow', () => running.acknowledged > 20);
    const after = await cluster.node(1).client().call(keyRoutes.rotateSessionKey, { body: {} });
    expect(after.session_keys.map(({ state }) => state)).toEqual(['signing', 'retired']);
    const count = running.acknowledged;
    await until('writes flow on', () => running.acknowledged > count + 20);
    for (const node of cluster.nodes) {
      await cluster.signIn(node);
      for (const token of [before, cluster.token ?? '']) {
        const headers = { authorization: `Bearer ${token}` };
        for (const at of cluster.nodes)
          expect((await at.client().call(sessionRoutes.me, { headers })).name).toBe('admin');
      }
    }
    expect(await lossesOf(cluster, await running.stop())).toEqual([]);
  });

  it('rotates the cluster key while a member is down, which gets it when it is back', async () => {
    const made = await cluster
      .node(0)
      .client()
      .call(webhookRoutes.create, { body: { name: 'chat', url: 'https://127.0.0.1:1/', types: ['user'] } });
    const [first, away] = cluster.nodes as [Daemon, Daemon];
    const old = clusterKeyOf(first);
    await away.killAll();
    const rotated = await until('it is rotated', () => first.client().call(keyRoutes.rotateClusterKey, {}));
    expect(rotated.cluster_key.missing_on).toContain(await cluster.idOf(away));
    // Killed right after the answer: what it holds on disk opens the state, whatever it had come to.
    await first.killAll();
    await first.start();
    expect(clusterKeyOf(away)).toBe(old);
    await away.start();
    for (const node of cluster.nodes) await node.waitReady();
    await until('every node holds it', async () => (await keysAt(first)).cluster_key.missing_on.length === 0);
    const fresh = clusterKeyOf(first);
    expect(fresh).not.toBe(old);
    for (const node of cluster.nodes) expect(clusterKeyOf(node), node.name).toBe(fresh);
    for (const node of cluster.nodes) {
      const tried = await node.client().call(webhookRoutes.test, { params: { id: made.id } });
      expect(tried.delivered).toBe(false);
      expect((await node.client().call(sessionRoutes.me, {})).name).toBe('admin');
    }
    // The removed node's copy of the key opens nothing that was written since.
    expect(rotated.cluster_key.id).toBe((await keysAt(away)).cluster_key.id);
  });

  /** The first that has its turn, the leader while certificates change, and the last: the former leader. */
  async function victimOf({ stage, nodes }: CaRotationView): Promise<Daemon | undefined> {
    const working = nodes.find(({ state }) => state === 'working');
    if (!working) return undefined;
    if (stage === 'reissuing') return cluster.leader();
    const isLast = nodes.filter(({ state }) => state === 'done').length === nodes.length - 1;
    if (stage === 'dropping' && !isLast) return undefined;
    return cluster.nodes.find((node) => node.name === working.name && node.running);
  }

  it('replaces the CA under load, through a kill -9 in each stage, and shuts out the certificate of a removed one', async () => {
    await cluster.waitHealthy(3);
    const first = cluster.node(0);
    expect(await letsIn(first, stolen.ca)).toBe(true);
    const minted = await cluster.mint();
    const before = await keysAt(first);
    const running = load('ca');
    await until('writes flow', () => running.acknowledged > 20);
    const started = await first.client().call(keyRoutes.rotateCa, { body: {} });
    expect(started.state).toBe('running');
    expect(await refusalOf(first.client().call(keyRoutes.rotateCa, { body: {} }))).toMatchObject({
      code: 'ca_rotation_in_progress',
    });
    expect(await refusalOf(cluster.mint())).toMatchObject({ code: 'ca_rotation_in_progress' });

    const killed = new Map<string, string>();
    await until(
      'the CA is replaced',
      async () => {
        const now = await operation();
        const victim = now && !killed.has(now.stage) ? await victimOf(now) : undefined;
        if (now && victim) {
          killed.set(now.stage, victim.name);
          note(`kill -9 of ${victim.name} while ${now.stage}`);
          await victim.killAll();
          await victim.start();
        }
        return now?.state === 'succeeded';
      },
      { boundMs: 150_000, everyMs: 20 },
    );
    expect([...killed.keys()]).toEqual(['trusting', 'reissuing', 'dropping']);
    const count = running.acknowledged;
    await until('writes flow on', () => running.acknowledged > count + 20);
    const report = await running.stop();
    note(`CA replaced: longest gap ${Math.round(report.longestGapMs)} ms, ${JSON.stringify(report.retried)}`);
    await cluster.waitHealthy(3);
    expect(await lossesOf(cluster, report)).toEqual([]);

    const after = await keysAt(first);
    const [ca, ...nodes] = after.certificates;
    expect(ca?.fingerprint).not.toBe(before.certificates[0]?.fingerprint);
    expect(nodes.map((node) => [node.kind, node.issuer_fingerprint])).toEqual(
      cluster.nodes.map(() => ['node', ca?.fingerprint]),
    );
    for (const node of cluster.nodes) {
      const trusted = readFileSync(node.caFile, 'utf8');
      expect(trusted.match(/BEGIN CERTIFICATE/g)).toHaveLength(1);
      expect(await letsIn(node, trusted), node.name).toBe(false);
    }
    const { items } = await first.client().call(joinTokenRoutes.list, { query: {} });
    expect(items.find(({ id }) => id === minted.id)?.status).toBe('revoked');
    expect(await sees(first.client(), await write(cluster.node(2).client(), 'after'))).toBe(true);
  }, 200_000);

  it('lets a node join under the new CA', async () => {
    const joiner = cluster.add({ name: 'node-5', host: suite.workspace.loopback(5) });
    await cluster.join(joiner);
    await cluster.waitHealthy(4);
  });
});
