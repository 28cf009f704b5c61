import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { clusterRoutes } from '@quorate/shared/cluster';
import { joinTokenRoutes } from '@quorate/shared/join-tokens';
import { restoreRoutes } from '@quorate/shared/restore';
import { snapshotRoutes } from '@quorate/shared/snapshots';
import { describe, expect, it } from 'vitest';
import { Cli } from './harness/cli';
import { Cluster } from './harness/cluster';
import type { Daemon, Settings } from './harness/daemon';
import { createOperatorPki } from './harness/operator-pki';
import { addNodes, useCluster } from './harness/suite';
import { Hopeless, until } from './harness/until';
import type { RunningProcess, Workspace } from './harness/workspace';
import { refusalOf, sees, write } from './harness/writes';

/** An etcd that somebody else runs, with mutual TLS. */
function startOperatorEtcd(workspace: Workspace): { settings: Settings; process: () => RunningProcess; start(): void } {
  const host = workspace.loopback(60);
  const pki = createOperatorPki(workspace, 'etcd-pki');
  const issue = (id: number): Settings => pki.issue({ spec: { host } } as Daemon, id);
  issue(60);
  const client = issue(61);
  const file = (name: string): string => join(pki.dir, name);
  const url = `https://${host}:2379`;
  const peer = `https://${host}:2380`;
  let running: RunningProcess | undefined;
  const start = (): void => {
    running = workspace.run(
      'etcd',
      [
        ...['--name', 'theirs', '--data-dir', join(workspace.dir, 'theirs'), '--auto-compaction-retention', '0'],
        ...['--listen-client-urls', url, '--advertise-client-urls', url, '--client-cert-auth'],
        ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer, '--initial-cluster', `theirs=${peer}`],
        ...['--cert-file', file('node-60.crt'), '--key-file', file('node-60.key'), '--trusted-ca-file', file('ca.crt')],
        ...['--peer-cert-file', file('node-60.crt'), '--peer-key-file', file('node-60.key')],
        ...['--peer-trusted-ca-file', file('ca.crt'), '--peer-client-cert-auth'],
      ],
      { logFile: join(workspace.dir, 'logs', 'theirs.log') },
    );
  };
  start();
  return {
    start,
    process: () => running as RunningProcess,
    settings: {
      'raft.endpoints': url,
      'raft.binary': '/nowhere/etcd',
      'raft.tls.ca': String(client['cluster.tls.ca']),
      'raft.tls.cert': String(client['cluster.tls.cert']),
      'raft.tls.key': String(client['cluster.tls.key']),
    },
  };
}

describe('an etcd that the operator runs', () => {
  let etcd: ReturnType<typeof startOperatorEtcd>;
  let settings: Settings;
  const suite = useCluster(async (it) => {
    addNodes(it, 3);
    etcd = startOperatorEtcd(it.workspace);
    settings = { ...etcd.settings, 'cluster.token': 'first' };
    const founder = it.cluster.node(0);
    await founder.start(settings);
    await it.cluster.setUp(founder);
    await it.cluster.signIn(founder);
    for (const joiner of it.cluster.nodes.slice(1)) {
      const minted = await it.cluster.mint();
      it.cluster.spawnJoiner(
        joiner,
        { via: founder, token: minted.token, fingerprint: minted.ca_fingerprint },
        settings,
      );
      await it.cluster.waitForVoter(joiner.name);
      await joiner.waitReady();
    }
  });
  const { cluster, workspace } = suite;
  const admin = (index = 0) => cluster.node(index).client();

  it('holds the log of a cluster that starts no etcd of its own', async () => {
    await cluster.waitHealthy(3);
    const view = await cluster.view();
    expect(view).toMatchObject({ mode: 'raft', external_etcd: true, quorum: { needed: 1, held: true } });
    expect(view.quorum.sentence).toContain('an etcd of the operator');
    const written = await write(admin(1), 'over-there');
    for (const node of cluster.nodes) expect(await sees(node.client(), written)).toBe(true);
    for (const node of cluster.nodes) expect(node.etcdPid()).toBeUndefined();
  });

  it('holds the log of a second cluster beside it, and refuses one that would take the place of the first', async () => {
    const other = new Cluster(workspace);
    const node = other.add({ name: 'other-1', host: workspace.loopback(11) });
    const more = { ...settings, 'cluster.token': 'second' };
    await node.start(more);
    await other.setUp(node);
    await other.signIn(node);
    const theirs = await write(node.client(), 'of-the-second');
    expect(await sees(node.client(), theirs)).toBe(true);
    const first = await cluster.view();
    expect((await other.view(node)).id).not.toBe(first.id);
    expect(first.members).toHaveLength(3);
    const clashing = other.add({ name: 'other-2', host: workspace.loopback(12) });
    clashing.spawn(settings);
    expect(await clashing.ended()).toBe(1);
    expect(clashing.logTail(3)).toMatch(/holds the log of another cluster under \/first; set another cluster\.token/);
    await node.killAll();
    await other.restart(node, more);
    expect(await sees(node.client(), theirs)).toBe(true);
    await node.stop();
  });

  it('says what it cannot do there instead of trying', async () => {
    const refusal = await refusalOf(admin().call(clusterRoutes.transferLeadership, { body: {} }));
    expect(refusal).toMatchObject({ status: 409, code: 'external_etcd' });
    expect(refusal.message).toMatch(/drain the node that leads/);
    const configDir = join(workspace.dir, 'operator');
    mkdirSync(configDir);
    const socket = join(cluster.node(0).dataDir, 'agent.sock');
    const outcome = await new Cli(configDir).run(['--socket', socket, 'agent', 'cluster', 'transfer-leadership']);
    expect(outcome.status).toBe(5);
    expect(outcome.stderr).toContain('raft.endpoints');
  });

  it('restores a state there as anywhere, on every node without a restart', async () => {
    const node = cluster.node(1);
    const { path } = await node.local().call(snapshotRoutes.create, {});
    const undone = await write(admin(2), 'undone-by-the-restore');
    const { epoch } = await cluster.view(node);
    await node.local().call(restoreRoutes.fromFile, { body: { path } });
    await until('the restore is over', async () => {
      const { operation } = await node.local().call(restoreRoutes.get, {});
      if (operation?.state === 'failed') throw new Hopeless(operation.error?.detail);
      return operation?.state === 'succeeded';
    });
    for (const one of cluster.nodes) {
      await until(`${one.name} is in the new epoch`, async () => (await cluster.view(one)).epoch === epoch + 1);
      await one.waitReady();
      expect(await sees(one.client(), undone).catch((error) => error.code)).not.toBe(true);
    }
    const after = await write(admin(0), 'after-the-restore');
    for (const one of cluster.nodes) expect(await sees(one.client(), after)).toBe(true);
  });

  it('goes on with one node of three, elects another leader, and removes what is gone', async () => {
    const leader = await cluster.leader();
    const rest = cluster.nodes.filter((node) => node !== leader);
    const [survivor, second] = rest as [Daemon, Daemon];
    const before = (await cluster.view(survivor)).term;
    await leader.killAll();
    await second.killAll();
    const written = await write(survivor.client(), 'alone');
    expect(await sees(survivor.client(), written)).toBe(true);
    await until('the survivor leads', async () => {
      const view = await cluster.view(survivor);
      return view.leader_id === view.node_id && view.term > before;
    });
    const id = await cluster.idOf(second, survivor);
    const preview = { params: { id }, query: { dry_run: 'true', force: 'true' } } as const;
    expect(await survivor.client().call(clusterRoutes.removeMember, preview)).toMatchObject({ allowed: true });
    await survivor.client().call(clusterRoutes.removeMember, { params: { id }, query: { force: 'true' } });
    await cluster.restart(leader, settings);
    expect(await sees(leader.client(), written)).toBe(true);
    // The removed one finds its own removal in the log and takes no part any more.
    second.spawn(settings);
    await second.waitForLog(/this node was removed from the cluster/);
    await second.stop();
  });

  it('serves reads while that etcd is away, and goes on when it is back', async () => {
    const node = cluster.running()[0] as Daemon;
    etcd.process().signalGroup('SIGKILL');
    await etcd.process().ended;
    await until('writes are refused', async () => {
      const refusal = await refusalOf(node.client(4_000).call(joinTokenRoutes.create, { body: {} })).catch(
        () => undefined,
      );
      return refusal?.status === 503 || refusal?.status === 504;
    });
    expect((await cluster.view(node)).quorum).toMatchObject({ held: false });
    etcd.start();
    await until('writes work', () => write(node.client(), 'after').catch(() => undefined));
  });
});
