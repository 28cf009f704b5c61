import { clusterRoutes } from '@quorate/shared/cluster';
import { joinTokenRoutes } from '@quorate/shared/join-tokens';
import { joinRoutes } from '@quorate/shared/joins';
import { afterEach, describe, expect, it } from 'vitest';
import { Cluster } from './harness/cluster';
import { startLoad } from './harness/load';
import { addNodes, lossesOf, note, useCluster } from './harness/suite';
import { until } from './harness/until';
import { createWorkspace, type Workspace } from './harness/workspace';
import { refusalOf, sees, write } from './harness/writes';

const ms = (value: number): string => `${Math.round(value)} ms`;

describe('a single node grows live', () => {
  const suite = useCluster(async (it) => {
    addNodes(it, 2);
    await it.cluster.found();
  });
  const { cluster } = suite;

  it('loses no acknowledged write while it becomes a cluster of two', async () => {
    const founder = cluster.node(0);
    const load = startLoad({ label: 'growth', clients: () => [founder.client(4_000)] });
    await until('writes flow', () => load.acknowledged > 20);
    const joinMs = await cluster.join(cluster.node(1));
    await cluster.waitHealthy(2);
    const report = await load.stop();
    note(
      `joined in ${ms(joinMs)}, longest write gap ${ms(report.longestGapMs)} in ${report.acknowledged.length} writes`,
    );
    expect(await lossesOf(cluster, report)).toEqual([]);
    expect((await cluster.view(cluster.node(1))).mode).toBe('raft');
  });

  it('finishes a join whose joiner is killed at every stage, on one use of the token', async () => {
    addNodes(suite, 1);
    const via = cluster.node(0);
    const joiner = cluster.node(2);
    const minted = await cluster.mint();
    const load = startLoad({ label: 'stages', writers: 1, clients: () => [via.client(4_000)] });
    const settings = cluster.joinSettings(joiner, {
      via,
      token: minted.token,
      fingerprint: minted.ca_fingerprint,
    });
    for (const stage of [/join: pinned/, /join: admitted/, /join: certificate issued/, /etcd is ready/]) {
      const from = joiner.log().length;
      joiner.spawn(settings);
      await joiner.waitForLog(stage, { from, everyMs: 2 });
      await joiner.killAll();
    }
    await joiner.start(settings);
    await cluster.waitForVoter(joiner.name);
    await joiner.waitReady();
    const report = await load.stop();
    expect(await lossesOf(cluster, report)).toEqual([]);
    const tokens = await via.client().call(joinTokenRoutes.list, { query: {} });
    expect(tokens.items.find((token) => token.id === minted.id)).toMatchObject({ uses: 1, status: 'used_up' });
    const joins = await via.client().call(joinRoutes.list, { query: {} });
    expect(joins.items.filter((join) => join.node_name === joiner.name)).toMatchObject([
      { stage: 'voter', state: 'done' },
    ]);
  });

  it('is not harmed by a joiner that dies for good, which can be removed', async () => {
    addNodes(suite, 1);
    const via = cluster.node(0);
    const dead = cluster.node(3);
    const minted = await cluster.mint();
    cluster.spawnJoiner(dead, { via, token: minted.token, fingerprint: minted.ca_fingerprint });
    await dead.waitForLog(/join: certificate issued/, { everyMs: 2 });
    await dead.killAll();
    const written = await write(via.client(), 'while-a-joiner-is-dead');
    expect(await sees(cluster.node(2).client(), written)).toBe(true);

    const id = await cluster.idOf(dead);
    const joins = await via.client().call(joinRoutes.list, { query: {} });
    expect(joins.items.find((join) => join.node_id === id)?.state).not.toBe('done');
    const preview = await via.client().call(clusterRoutes.removeMember, { params: { id }, query: { dry_run: 'true' } });
    expect(preview).toMatchObject({ dry_run: true, allowed: true, refusal: null });
    expect(preview.after).toEqual(preview.before);
    await via.client().call(clusterRoutes.removeMember, { params: { id } });
    expect((await cluster.view()).members.map((member) => member.name)).not.toContain(dead.name);
    cluster.nodes.splice(3, 1);
    await cluster.waitHealthy(3);
  });
});

describe('the founder is killed while it grows', () => {
  let workspace: Workspace | undefined;
  afterEach(() => workspace?.close());

  // From the first moments of etcd to after the switch.
  it.for([
    ['daemon', 40],
    ['daemon', 400],
    ['daemon', 900],
    ['etcd', 300],
    ['host', 700],
  ] as const)('%s, after %i ms: everything acknowledged is there, and growth can go on', async ([victim, afterMs]) => {
    workspace = createWorkspace();
    const cluster = new Cluster(workspace);
    const founder = cluster.add({ name: 'node-1', host: workspace.loopback(1) });
    await cluster.found();
    const load = startLoad({ label: `grow-${victim}`, clients: () => [founder.client(4_000)] });
    await until('writes flow', () => load.acknowledged > 10);
    const minting = cluster.mint().catch((error: unknown) => error);
    await new Promise((resolve) => setTimeout(resolve, afterMs));
    if (victim === 'etcd') {
      founder.killEtcd();
    } else {
      await (victim === 'host' ? founder.killAll() : founder.kill());
      await founder.start();
    }
    await founder.waitReady();
    await minting;
    const before = load.acknowledged;
    await until('writes flow again', () => load.acknowledged > before + 10);
    const report = await load.stop();
    expect(await lossesOf(cluster, report)).toEqual([]);
    await cluster.mint();
    await until('it is a cluster', async () => (await cluster.view()).mode === 'raft');
    await founder.waitReady();
    const written = await write(founder.client(), 'afterwards');
    expect(await sees(founder.client(), written)).toBe(true);
  });
});

describe('joining is refused', () => {
  it('without etcd on the founder, which stays a single node', async () => {
    const workspace = createWorkspace();
    try {
      const cluster = new Cluster(workspace);
      const founder = cluster.add({ name: 'node-1', host: workspace.loopback(1) });
      founder.spawn({ 'raft.binary': '/nonexistent/etcd' });
      await founder.waitLive();
      await cluster.setUp(founder);
      await cluster.signIn(founder);
      const refusal = await refusalOf(cluster.mint());
      expect(refusal).toMatchObject({ status: 409, code: 'raft_engine_unavailable' });
      expect((await cluster.view()).mode).toBe('single');
      await write(founder.client(), 'still-writable');
    } finally {
      await workspace.close();
    }
  });
});
