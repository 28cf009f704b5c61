import { auditRoutes } from '@quorate/shared/audit';
import { type Connector, connectorRoutes } from '@quorate/shared/connector';
import { eventRoutes, type QuorateEvent } from '@quorate/shared/events';
import { describe, expect, it } from 'vitest';
import type { Daemon, Settings } from './harness/daemon';
import { type Load, startLoad } from './harness/load';
import { createNetwork, type Network } from './harness/network';
import { note, useCluster } from './harness/suite';
import { until } from './harness/until';
import { type Accepted, type ExampleUpstream, startUpstream } from './harness/upstream';

// Three core nodes in network namespaces, and the example upstream outside of them. Events are written all the time.
describe('the connection to an upstream', () => {
  let network: Network;
  let upstream: ExampleUpstream;
  let load: Load;
  let clusterId = '';
  const received: QuorateEvent[] = [];
  const suite = useCluster(async ({ cluster, workspace }) => {
    network = createNetwork(workspace, 3);
    for (let index = 1; index <= 3; index++) cluster.add({ name: `node-${index}`, ...network.place(index) });
    await cluster.grow();
    await cluster.waitHealthy(3);
    const { cluster_ca, gateway } = await look();
    clusterId = gateway.cluster_id;
    upstream = await startUpstream(workspace, network.gateway, cluster_ca);
    upstream.gateways.on('event', (_gateway, event) => received.push(event));
    load = startLoad({
      label: 'connector',
      writers: 1,
      pauseMs: 100,
      clients: () => cluster.running().map((node) => node.client(4_000)),
    });
  });
  const { cluster } = suite;
  const look = (at: Daemon = cluster.node(0)): Promise<Connector> => at.client().call(connectorRoutes.get, {});
  const history = (): readonly Accepted[] => upstream.gateways.history;
  const last = (): Accepted | undefined => history().at(-1);
  const placeOf = (node: Daemon): number => cluster.nodes.indexOf(node) + 1;
  const hostOf = (node: Daemon): string => network.place(placeOf(node)).host;
  const others = (node: Daemon): Daemon[] => cluster.nodes.filter((one) => one !== node);
  const call = (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) =>
    upstream.gateways.call(clusterId, {
      ...{ method, path, headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });

  /** The daemon that is connected, as the upstream sees it. */
  const active = (): Promise<Daemon> =>
    until('a node is connected', () => {
      const now = last();
      return now?.endedMs === null ? cluster.nodes.find(({ name }) => name === now.node.name) : undefined;
    });

  /** Another connection than the last one of `before`. Notes how long there was none. */
  async function takenOver(what: string, before: number, from: Daemon): Promise<Accepted> {
    const next = await until(`another node takes over: ${what}`, () =>
      history()
        .slice(before)
        .find(({ node }) => node.name !== from.name),
    );
    const ended = history()[history().indexOf(next) - 1]?.endedMs ?? next.startedMs;
    note(`${what}: ${from.name} to ${next.node.name}, ${Math.round(next.startedMs - ended)} ms without a connection`);
    return next;
  }

  async function configure(body: Settings & { role: 'viewer' | 'admin' }): Promise<void> {
    await cluster
      .node(0)
      .client()
      .call(connectorRoutes.put, { body: { ...body, url: upstream.url, ca_cert: upstream.ca } });
  }

  it('connects one node, which shows itself as one gateway with all its nodes', async () => {
    expect((await look()).state).toBe('off');
    await configure({ role: 'viewer' });
    const node = await active();
    const gateway = upstream.gateways.gateways.get(clusterId);
    await until(
      'the upstream knows the nodes',
      () => gateway?.nodes.filter(({ role }) => role === 'standby').length === 2,
    );
    for (const one of cluster.nodes) {
      const seen = await until(`${one.name} shows it`, async () => {
        const view = await look(one);
        return view.state === 'connected' && view;
      });
      expect(seen.active?.name).toBe(node.name);
      expect(seen.nodes.map(({ certificate }) => certificate?.source)).toEqual(['cluster', 'cluster', 'cluster']);
    }
    expect((await fetch(upstream.pageUrl)).status).toBe(200);
    expect(history()).toHaveLength(1);
  });

  it('lets the upstream call the API with the role that it was given, audited, and once for each key', async () => {
    const version = await call('GET', '/v1/cluster');
    expect(JSON.parse(version.body)).toMatchObject({ id: clusterId });
    const token = { kind: 'cluster' };
    expect((await call('POST', '/v1/nodes/join-tokens', token)).status).toBe(403);
    const from = history().length;
    await configure({ role: 'admin' });
    const node = await active();
    await until('the active node goes by it', async () => (await look(node)).settings.role === 'admin');
    expect((await call('POST', '/v1/nodes/join-tokens', token)).status).toBe(201);
    const headers = { 'idempotency-key': 'once' };
    const [first, again] = [
      await call('POST', '/v1/api-tokens', { name: 'from-upstream', role: 'viewer' }, headers),
      await call('POST', '/v1/api-tokens', { name: 'from-upstream', role: 'viewer' }, headers),
    ];
    expect([first?.status, again?.status]).toEqual([201, 201]);
    expect(JSON.parse(again?.body ?? '')).toEqual(JSON.parse(first?.body ?? ''));
    const { items } = await cluster
      .node(0)
      .client()
      .call(auditRoutes.list, { query: { actor: 'upstream' } });
    expect(items.map(({ actor_kind, action, target }) => [actor_kind, action, target].join(' '))).toEqual([
      'upstream api_tokens.create from-upstream',
      expect.stringMatching(/^upstream join_tokens\.create /),
    ]);
    // Another role is no reason to connect anew.
    expect(history()).toHaveLength(from);
  });

  it('is taken over when the active node is stopped, and goes back to it once it is well and the primary', async () => {
    const node = await active();
    const before = history().length;
    await node.stop();
    const next = await takenOver('SIGTERM', before, node);
    expect(next.reason).toBe('shutdown');
    const other = await active();
    await cluster.restart(node, { 'connector.is_primary': 'true' });
    const back = await takenOver('primary is back', history().indexOf(next) + 1, other);
    expect(back).toMatchObject({ node: { name: node.name }, reason: 'primary_back' });
    const { takeovers } = await until('the takeover is in the history', async () => {
      const view = await look(node);
      return view.takeovers[0]?.gap_ms !== null && view;
    });
    expect(takeovers[0]).toMatchObject({ reason: 'primary_back', from_node_id: await cluster.idOf(other) });
  });

  it('is taken over when the active node is killed', async () => {
    const node = await active();
    const before = history().length;
    await node.killAll();
    const next = await takenOver('kill -9', before, node);
    expect(next.reason).toBe('node_lost');
    await cluster.restart(node);
    await cluster.waitHealthy(3);
  });

  it('is yielded by a node that is cut from the quorum alone, before another one connects', async () => {
    const node = await active();
    const before = history().length;
    for (const other of others(node)) network.block(placeOf(node), hostOf(other));
    const next = await takenOver('cut from the quorum', before, node);
    for (const other of others(node)) network.unblock(placeOf(node), hostOf(other));
    // By its own clock: the upstream could still be reached all the time.
    expect(next.superseded).toBe(false);
    expect(history()[before - 1]).toMatchObject({ node: { name: node.name }, ended: 'closed' });
    await cluster.waitHealthy(3);
  });

  it('is yielded by a node that is cut from the upstream alone, to one that reaches it', async () => {
    const node = await active();
    const before = history().length;
    network.block(placeOf(node), network.gateway);
    const next = await takenOver('cut from the upstream', before, node);
    network.unblock(placeOf(node), network.gateway);
    expect(next.reason).toBe('upstream_lost');
  });

  it('is taken over from a node that hangs or is cut off, which does nothing when it comes back', async () => {
    for (const how of ['hangs', 'cut off'] as const) {
      const node = await active();
      const before = history().length;
      if (how === 'hangs') node.suspend();
      else network.cut(placeOf(node));
      await takenOver(how, before, node);
      if (how === 'hangs') node.resume();
      else network.heal(placeOf(node));
      await cluster.waitHealthy(3);
    }
  });

  it('never had two connections that could act, and lost no event in any of this', async () => {
    await load.stop();
    const { items } = await cluster
      .node(0)
      .client()
      .call(eventRoutes.list, { query: { limit: 1 } });
    const tip = items.find(({ local }) => !local)?.seq ?? 0;
    await until('the upstream has the last event', () => (received.at(-1)?.seq ?? 0) >= tip);
    const sequence = received.map(({ seq }) => seq);
    expect(sequence).toEqual(sequence.map((_, index) => index + 1));
    expect(new Set(received.map(({ id }) => id)).size).toBe(received.length);

    const all = history();
    note(`${all.length} connections, ${received.length} events`);
    expect(all.map(({ generation }) => generation)).toEqual(
      all.map(({ generation }) => generation).toSorted((a, b) => a - b),
    );
    for (const [index, one] of all.entries()) {
      const next = all[index + 1];
      if (next) expect(one.endedMs).toBeLessThanOrEqual(next.startedMs);
      if (next?.generation === one.generation) expect(next.node).toEqual(one.node);
      expect(one.late).toBe(0);
    }
    // A node that held the lease too shortly to connect is in the history alone, as one that was never connected.
    const { takeovers } = await look();
    const seen = new Set(all.map(({ generation }) => generation));
    const order = takeovers.map(({ generation }) => generation);
    expect(order).toEqual(order.toSorted((a, b) => b - a));
    expect(order).toEqual(expect.arrayContaining([...seen]));
    expect(takeovers.filter((one) => one.connected_at !== null && !seen.has(one.generation))).toEqual([]);
  });
});
