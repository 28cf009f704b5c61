import { clusterRoutes } from '@quorate/shared/cluster';
import { describe, expect, it } from 'vitest';
import type { Daemon } from './harness/daemon';
import { createOperatorPki, type OperatorPki } from './harness/operator-pki';
import { addNodes, useCluster } from './harness/suite';
import { until } from './harness/until';
import { sees, write } from './harness/writes';

const viewOf = (node: Daemon) => node.local().call(clusterRoutes.get, {});

describe('a cluster on certificates of its operator', () => {
  let pki: OperatorPki;
  const { cluster, workspace } = useCluster(async (it) => {
    addNodes(it, 1);
    pki = createOperatorPki(it.workspace);
    const founder = it.cluster.node(0);
    await founder.start(pki.issue(founder, 7));
    await it.cluster.setUp(founder);
    await it.cluster.signIn(founder);
  });
  const founder = (): Daemon => cluster.node(0);

  it('takes a further node by token, if that has a certificate of the same CA', async () => {
    expect((await viewOf(founder())).node_id).toBe(7);
    const joiner = cluster.add({ name: 'node-2', host: workspace.loopback(2) });
    const minted = await cluster.mint();
    const target = { via: founder(), token: minted.token, fingerprint: minted.ca_fingerprint };
    cluster.spawnJoiner(joiner, target);
    expect(await joiner.ended()).toBe(1);
    expect(joiner.log()).toMatch(/runs on certificates of its operator; issue one for this node/);
    cluster.spawnJoiner(joiner, target, pki.issueByOpenssl(joiner, 9));
    await cluster.waitForVoter('node-2');
    await joiner.waitReady();
    expect(await cluster.idOf(joiner)).toBe(9);
  });

  it('uses new certificates while it runs, with another key too', async () => {
    const joiner = cluster.node(1);
    const expiryOf = async () => (await viewOf(joiner)).members.find(({ id }) => id === 7)?.certificate_expires_at;
    const before = await expiryOf();
    pki.issue(founder(), 7, ['--days', '100']);
    await until('the other node knows the new certificate', async () => {
      const now = await expiryOf();
      return now !== undefined && now !== before;
    });
    await cluster.waitHealthy(2);
    const written = await write(founder().client(), 'after-renewal');
    expect(await sees(joiner.client(), written)).toBe(true);
  });

  it('does not start with a CA that is not its own any more', async () => {
    const joiner = cluster.node(1);
    await joiner.stop();
    joiner.spawn(createOperatorPki(workspace, 'other').issue(joiner, 9));
    expect(await joiner.ended()).toBe(1);
    expect(joiner.logTail(3)).toMatch(/cluster\.tls\.ca shares no CA with the one that this cluster runs on/);
    await joiner.start(pki.issueByOpenssl(joiner, 9));
    await cluster.waitHealthy(2);
  });
});
