import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { eventRoutes } from '@quorate/shared/events';
import { failoverRoutes } from '@quorate/shared/failovers';
import { webhookRoutes } from '@quorate/shared/webhooks';
import { afterAll, describe, expect, it } from 'vitest';
import { startLoad } from './harness/load';
import { openEvents } from './harness/sse';
import { addNodes, useCluster } from './harness/suite';
import { until } from './harness/until';
import { write } from './harness/writes';

describe('watching a cluster', () => {
  const suite = useCluster(async ({ cluster, workspace }) => {
    addNodes({ cluster, workspace }, 3);
    const settings = { 'events.webhook_loopback': 'true' };
    const founder = cluster.node(0);
    await founder.start(settings);
    await cluster.setUp(founder);
    await cluster.signIn(founder);
    for (const joiner of cluster.nodes.slice(1)) {
      const { token, ca_fingerprint: fingerprint } = await cluster.mint();
      cluster.spawnJoiner(joiner, { via: founder, token, fingerprint }, settings);
      await joiner.waitLive();
      await cluster.waitForVoter(joiner.name);
      await joiner.waitReady();
    }
    await cluster.waitHealthy(3);
  });
  const { cluster } = suite;
  const got: { id: string; message: string }[] = [];
  const receiver = createServer((request, response) => {
    let text = '';
    request.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    request.on('end', () => {
      const { data } = JSON.parse(text) as { data: { id: string; message: string } };
      got.push(data);
      response.writeHead(204).end();
    });
  });
  afterAll(() => void receiver.close());

  it('measures a test failover and tells who asked for it', async () => {
    const leader = await cluster.leader();
    const from = await cluster.idOf(leader);
    const result = await leader.client().call(failoverRoutes.test, { body: {} });
    expect(result.from).toBe(from);
    expect(result.to).not.toBe(from);
    expect(result.writes).toBeGreaterThan(10);
    expect(result.failed_writes).toBe(0);
    expect(result.write_gap_ms).toBeGreaterThanOrEqual(Math.floor(result.usual_write_ms));
    const listed = await until('the new leader has measured it', async () => {
      const { items } = await leader.client().call(failoverRoutes.list, {});
      return items.find((one) => one.term === result.term && one.measured_from !== null);
    });
    expect(listed).toMatchObject({
      from,
      to: result.to,
      reason: 'test',
      requested_by: 'admin',
      measured_from: 'last_write',
    });
    expect(listed.probe_gap_ms).toBe(result.write_gap_ms);
  });

  it('tells of a crashed leader by every node, and sends webhooks through it', async () => {
    await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/`;
    const killed = await cluster.leader();
    const [second, third] = await cluster.followers();
    if (!second || !third) throw new Error('there are two followers');
    await second
      .client()
      .call(webhookRoutes.create, { body: { name: 'e2e', url, types: ['api_token.*', 'leadership.*'] } });
    const killedId = await cluster.idOf(killed);
    const stream = await openEvents(second, cluster.token ?? '');
    const load = startLoad({ label: 'webhooks', clients: () => [second.client(4_000), third.client(4_000)] });
    await until('deliveries flow', () => got.length > 20);
    await killed.killAll();
    const failover = await until(
      'the crash is on record',
      async () => {
        const { items } = await second.client().call(failoverRoutes.list, {});
        return items.find((one) => one.from === killedId && one.reason === 'crash');
      },
      { boundMs: 30_000 },
    );
    const report = await load.stop();
    expect(failover.write_gap_ms).toBeGreaterThan(0);
    expect(failover.measured_from).toBe('last_write');
    const marker = await write(second.client(), 'marker');
    await until('the marker is delivered', () => got.some(({ message }) => message.includes(`${marker.name} `)), {
      boundMs: 60_000,
    });
    const messages = got.map(({ message }) => message).join('\n');
    expect(report.acknowledged.filter(({ name }) => !messages.includes(`${name} `))).toEqual([]);
    expect(new Set(got.map(({ id }) => id)).size).toBeGreaterThan(report.acknowledged.length);

    const localTypes = stream.events.filter((event) => event.local).map((event) => event.type);
    expect(localTypes).toContain('peer.disconnected');
    const { items } = await third.client().call(eventRoutes.list, { query: { type: 'peer.disconnected' } });
    const thirdId = await cluster.idOf(third, second);
    expect(items[0]).toMatchObject({ local: true, event_src_id: thirdId, data: { peer: killedId } });
    stream.close();
    await cluster.restart(killed, { 'events.webhook_loopback': 'true' });
    await until('its return is told', async () => {
      const { items: back } = await third.client().call(eventRoutes.list, { query: { type: 'peer.connected' } });
      return back[0]?.data['peer'] === killedId || undefined;
    });
  });

  it('tells of a lost and a regained quorum while nothing can be written', async () => {
    const [survivor, ...others] = [await cluster.leader(), ...(await cluster.followers())];
    for (const other of others) await other.killAll();
    const typesHere = async () => {
      const { items } = await survivor.client().call(eventRoutes.list, { query: { namespace: 'state' } });
      return items.map((event) => event.type);
    };
    await until('it says that it is read-only', async () => (await typesHere())[0] === 'state.ro' || undefined, {
      boundMs: 20_000,
    });
    expect(await typesHere()).toContain('state.is_leaderless');
    for (const other of others) await cluster.restart(other);
    await until('it says that it can write', async () => (await typesHere()).includes('state.rw') || undefined);
  });
});
