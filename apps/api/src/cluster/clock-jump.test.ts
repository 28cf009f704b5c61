import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../lib/clock';
import { startTestCluster, type TestCluster } from '../testing/cluster';
import { until } from '../testing/until';

const HOUR = 3_600_000;

describe('a clock that jumps', () => {
  let ahead = 0;
  let behind = 0;
  let cluster: TestCluster;
  beforeAll(async () => {
    cluster = await startTestCluster(3, {}, (name) => {
      if (name === 'n3') return () => systemClock() + ahead;
      return name === 'n1' ? () => systemClock() - behind : systemClock;
    });
  }, 120_000);
  afterAll(() => cluster?.stop(), 60_000);

  it('ahead takes its node out of service and moves nobody in time; set right, the node writes again', async () => {
    const node = cluster.node(2);
    const mint = (name: string, at = node) => at.call('POST', '/v1/api-tokens', { name, role: 'viewer' });
    expect((await mint('before')).status).toBe(201);

    ahead = HOUR;
    // At once, long before anybody has measured it.
    const refused = await mint('misdated');
    expect(refused).toMatchObject({ status: 503, body: { code: 'not_ready' } });
    expect(refused.body.detail).toMatch(/clock of this node is (3600|359\d) s ahead/);
    const ready = () => node.call('GET', '/readyz?verbose');
    expect(await ready()).toMatchObject({ status: 503, text: expect.stringMatching(/clock of this node/) });

    const elsewhere = await mint('elsewhere', cluster.node(0));
    expect(elsewhere.status).toBe(201);
    expect(Math.abs(Date.parse(elsewhere.body.created_at) - Date.now())).toBeLessThan(HOUR / 2);

    ahead = 0;
    await until(async () => (await ready()).status === 200, 'it is back in service');
    expect((await mint('after')).status).toBe(201);
  }, 60_000);

  it('back lets nobody that is gone seem to be there, so that a removal would cost the quorum', async () => {
    const [one, two, gone] = [cluster.node(0), cluster.node(1), cluster.node(2)];
    const goneId = gone.node.nodeId;
    const healthOf = async (id: number) => (await one.call('GET', `/v1/cluster/members/${id}`)).body.health;
    await gone.stop();
    await until(async () => (await healthOf(goneId)) === 'unreachable', 'its silence is noticed');
    behind = HOUR;
    const refusals: (string | undefined)[] = [];
    // Two rounds of questions and more.
    const end = performance.now() + 1_500;
    while (performance.now() < end) {
      const preview = await one.call('DELETE', `/v1/cluster/members/${two.node.nodeId}?dry_run=1`);
      refusals.push(preview.body.refusal?.code);
    }
    expect(new Set(refusals)).toEqual(new Set(['quorum_would_be_lost']));
    expect(await healthOf(goneId)).toBe('unreachable');
    behind = 0;
  }, 60_000);
});
