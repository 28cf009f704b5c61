import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadConfig } from '../config/load';
import { systemClock } from '../lib/clock';
import { silentLogger } from '../lib/logger';
import { type QuorateNode, startNode } from '../node';
import { ADMIN, callApi } from '../testing/api-node';
import { loopbackHost } from '../testing/member';
import { MIGRATIONS_DIR } from '../testing/state';
import { until } from '../testing/until';
import { joinFromConfig } from './join/from-config';

interface Place {
  readonly host: string;
  readonly dataDir: string;
}

describe('a removed node', () => {
  const nodes: QuorateNode[] = [];
  const places: Place[] = [];
  let token: string;
  let first: Place;

  beforeEach(async () => {
    first = place();
    const node = await start(first, 'alpha', {});
    const setup = await callApi(node.url, 'POST', '/v1/setup', { body: { cluster_name: 'test', ...ADMIN } });
    expect(setup.status).toBe(201);
    token = (await callApi(node.url, 'POST', '/v1/session', { body: ADMIN })).body.token;
  });
  afterEach(async () => {
    for (const node of nodes.splice(0).reverse()) await node.stop();
    for (const { dataDir } of places.splice(0)) rmSync(dataDir, { recursive: true, force: true });
  });

  function place(host = loopbackHost()): Place {
    const made = { host, dataDir: mkdtempSync(join(tmpdir(), 'quorate-rejoin-')) };
    places.push(made);
    return made;
  }
  async function start({ host, dataDir }: Place, name: string, more: Record<string, string>): Promise<QuorateNode> {
    const settings = {
      data_dir: dataDir,
      'node.name': name,
      'api.address': `${host}:8440`,
      'cluster.address': `${host}:7000`,
      ...more,
    };
    const flags = Object.entries(settings).map(([key, value]) => ({ key, value, flag: `--set ${key}` }));
    const { config } = loadConfig({ file: undefined, env: {}, flags, host: { hostname: name, ipv4: undefined } });
    const logger = silentLogger();
    const version = '0.0.0-test';
    const node = await startNode(config, {
      logger,
      version,
      migrationsDir: MIGRATIONS_DIR,
      webDir: undefined,
      onFatal: (error) => expect.fail(String(error)),
      join: () => joinFromConfig({ config, version, clock: systemClock, logger }),
    });
    nodes.push(node);
    return node;
  }
  const call = (method: string, path: string, body?: unknown) =>
    callApi(`http://${first.host}:8440`, method, path, { token, ...(body === undefined ? {} : { body }) });

  async function joinAt(at: Place, name: string): Promise<QuorateNode> {
    const minted = await call('POST', '/v1/nodes/join-tokens', {});
    expect(minted.status).toBe(201);
    return start(at, name, {
      'cluster.mode': 'join',
      'cluster.join.url': `https://${first.host}:7000`,
      'cluster.join.token': minted.body.token,
      'cluster.join.ca_fingerprint': minted.body.ca_fingerprint,
    });
  }
  const untilVoter = (id: number): Promise<void> =>
    until(
      async () => (await call('GET', `/v1/cluster/members/${id}`)).body.suffrage === 'voter',
      `node ${id} votes`,
      30_000,
    );

  it('leaves its address to the next one, which becomes a voter', async () => {
    const second = place();
    const beta = await joinAt(second, 'beta');
    await untilVoter(2);
    const removal = () => call('DELETE', '/v1/cluster/members/2');
    await until(async () => (await removal()).status === 200, 'node 2 is removed');
    nodes.splice(nodes.indexOf(beta), 1);
    await beta.stop();
    await joinAt(place(second.host), 'gamma');
    await untilVoter(3);
  }, 120_000);

  it('takes no write from the moment it is started again, removed while it was down', async () => {
    await joinAt(place(), 'beta');
    await untilVoter(2);
    const third = place();
    const gamma = await joinAt(third, 'gamma');
    await untilVoter(3);
    nodes.splice(nodes.indexOf(gamma), 1);
    await gamma.stop();
    const removal = () => call('DELETE', '/v1/cluster/members/3?force=true');
    await until(async () => (await removal()).status === 200, 'node 3 is removed');

    const again = await start(third, 'gamma', {});
    const attempts = Array.from({ length: 20 }, (_, n) => {
      const body = { username: `late-${n}`, password: 'long enough to do', role: 'viewer' };
      return callApi(again.url, 'POST', '/v1/users', { token, body });
    });
    const answers = await Promise.all(attempts);
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([503]));
    await until(async () => again.cluster.journal.health === 'removed', 'it knows that it is out');
    const refused = await callApi(again.url, 'POST', '/v1/users', { token, body: { ...ADMIN, role: 'viewer' } });
    expect(refused.body).toMatchObject({ status: 503, code: 'not_ready', detail: expect.stringMatching(/removed/) });
    const users = await call('GET', '/v1/users?limit=500');
    expect(users.body.items.map((user: { username: string }) => user.username)).toEqual([ADMIN.username]);
    const ready = await callApi(again.url, 'GET', '/readyz?verbose');
    expect(ready.text).toContain('this node was removed from the cluster');
    // It speaks of itself, not of a cluster that it does not see any more.
    const { body: seen } = await callApi(again.url, 'GET', '/v1/cluster', { token });
    expect(seen.quorum).toMatchObject({ held: false, sentence: expect.stringMatching(/^This node was removed/) });
    expect(seen.quorum.advice).toMatch(/quorated join/);
    expect(seen.members.map(({ health }: { health: string }) => health)).not.toContain('unreachable');
  }, 120_000);
});
