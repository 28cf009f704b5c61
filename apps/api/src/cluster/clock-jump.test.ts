import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../lib/clock';
import { startTestCluster, type TestCluster } from '../testing/cluster';
import { until } from '../testing/until';

const HOUR = 3_600_000;

describe('a clock that jumps ahead', () => {
  let ahead = 0;
  let cluster: TestCluster;
  beforeAll(async () => {
    cluster = await startTestCluster(3, {}, (name) => (name === 'n3' ? () => systemClock() + ahead : systemClock));
  }, 120_000);
  afterAll(() => cluster?.stop(), 60_000);

  it('takes its node out of service and moves nobody in time; set right, the node writes again', async () => {
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
});
