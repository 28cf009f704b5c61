import { afterEach, describe, expect, it } from 'vitest';
import { createNamedCa } from '../cluster/pki/issue';
import { delay } from '../lib/async';
import { silentLogger } from '../lib/logger';
import { commandRegistry } from '../registry';
import { startApiNode } from '../testing/api-node';
import { startReplica } from '../testing/replica';
import { until } from '../testing/until';
import { setConnector } from './commands';
import { type ConnectorDeps, startConnector } from './connector';
import { openUpstream } from './testing';

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

const settingsFor = (url: string) => ({ enabled: true, url, ha_enabled: false, role: 'viewer' as const, ca_cert: '' });

describe('the connector', () => {
  it('rests while no upstream is named, and connects when one is', async () => {
    const up = await openUpstream();
    undo.push(up.close);
    const replica = await startReplica({ log: 'local', registry: commandRegistry });
    undo.push(() => replica.stop());
    const own = await createNamedCa('own', Date.now());
    let looks = 0;
    const connector = startConnector({
      ...{ node: { id: 1, name: 'a' }, version: 'test', clock: Date.now, logger: silentLogger() },
      config: { url: '', ha_enabled: false, is_primary: false, cert: '', key: '', ca: '' },
      db: () => replica.store.db,
      ...{ applier: replica.applier, propose: replica.proposer.propose, log: () => replica.log },
      members: () => [{ id: 1, name: 'a', version: 'test', inService: true }],
      sound: () => true,
      quorumHeld: () => true,
      healths: () => new Map(),
      cluster: () => ({ id: '00000000-0000-7000-8000-000000000001', name: 'test' }),
      peer: () => undefined,
      identity: () => {
        looks += 1;
        return own;
      },
      fetch: async () => new Response('{}'),
      eventLog: { after: () => [], lastSeq: () => 0 } as never,
      bus: { subscribe: () => () => {} } as unknown as ConnectorDeps['bus'],
    });
    undo.push(() => connector.stop());
    looks = 0;
    await delay(2_000);
    // Ten times while it has something to do.
    expect(looks).toBeLessThanOrEqual(1);
    const url = up.upstream.url;
    await replica.propose(setConnector, { ...settingsFor(url), ifMatch: null });
    await until(() => connector.figures.connected, 'it is connected');
    expect(connector.unconnected()).toBeUndefined();
    await replica.propose(setConnector, { ...settingsFor(''), ifMatch: null });
    await until(() => up.accepted.every(({ closed }) => closed), 'it has closed the connection');
    expect(connector.unconnected()).toBeUndefined();
  });

  it('raises an alarm when nobody was connected for a minute, and clears it when somebody is', async () => {
    let ahead = 0;
    const clock = () => Date.now() + ahead;
    const up = await openUpstream();
    undo.push(() => up.close());
    const api = await startApiNode({ clock });
    undo.push(() => api.stop());
    const token = await api.setUp();
    const call = async (method: string, path: string, body?: unknown) =>
      (await api.call(method, path, { token, body })).body;
    const connected = async () =>
      (await call('GET', '/v1/connector')).nodes.some((one: { connected: boolean }) => one.connected);
    const alarms = async () =>
      (await call('GET', '/v1/alarms')).items.filter(({ code }: { code: string }) => code === 'upstream_unconnected');
    await call('PUT', '/v1/connector', settingsFor(up.upstream.url));
    await until(connected, 'it is connected');
    up.close();
    await until(async () => !(await connected()), 'it is not connected any more');
    // A clock that runs fast, but not by many seconds between two looks of the alarms.
    const lostAt = Date.now();
    await until(
      async () => {
        ahead = 8 * (Date.now() - lostAt);
        return /^no node is connected to the upstream: .*ECONNREFUSED/.test((await alarms())[0]?.message);
      },
      'there is an alarm that says why',
      60_000,
    );
    const [alarm] = await alarms();
    expect(alarm.cure).toContain('quorate connector');
    const raised = (await call('GET', '/v1/events?type=alarm.raised')).items.find(
      ({ data }: { data: { code: string } }) => data.code === 'upstream_unconnected',
    );
    expect(Date.parse(raised.at) - Date.parse(alarm.since)).toBeGreaterThanOrEqual(60_000);
    const again = await openUpstream(up.port);
    undo.push(again.close);
    await until(connected, 'it is connected again', 60_000);
    await until(async () => (await alarms()).length === 0, 'the alarm is over');
  }, 120_000);
});
