import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import { loadConfig } from '../../config/load';
import { delay } from '../../lib/async';
import { silentLogger } from '../../lib/logger';
import { type QuorateNode, startNode } from '../../node';
import { ADMIN, callApi } from '../../testing/api-node';
import { loopbackHost } from '../../testing/member';
import { MIGRATIONS_DIR } from '../../testing/state';
import { until } from '../../testing/until';
import { joinFromConfig } from '../join/from-config';
import { loadIdentity } from '../pki/identity';
import { CertificateError, checkNodeCertificate } from '../pki/inspect';
import { keyPinOf } from '../pki/keys';
import { healCertificate } from './renew-at-start';

const DAY_MS = 24 * 3600 * 1000;

describe('a certificate that nears its end', () => {
  const nodes: { node: QuorateNode; host: string; dataDir: string }[] = [];
  /** The nodes began that long ago. What TLS and etcd check goes by the true time. */
  let offset = 0;
  const clock = (): number => Date.now() + offset;

  afterEach(async () => {
    for (const { node } of [...nodes].reverse()) await node.stop();
    for (const { dataDir } of nodes.splice(0)) rmSync(dataDir, { recursive: true, force: true });
  });

  async function start(more: Record<string, string> = {}): Promise<void> {
    const host = loopbackHost();
    const dataDir = mkdtempSync(join(tmpdir(), 'quorate-renewal-'));
    const name = `n${nodes.length + 1}`;
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
      ...{ logger, version, clock, migrationsDir: MIGRATIONS_DIR, webDir: undefined },
      onFatal: (error) => expect.fail(String(error)),
      join: () => joinFromConfig({ config, version, clock, logger }),
    });
    nodes.push({ node, host, dataDir });
  }

  /** Three nodes, and a token that outlives the jump of the clock. */
  async function grow(): Promise<string> {
    await start();
    const [first] = nodes as [(typeof nodes)[number]];
    const { url } = first.node;
    await callApi(url, 'POST', '/v1/setup', { body: { cluster_name: 'test', ...ADMIN } });
    const session = (await callApi(url, 'POST', '/v1/session', { body: ADMIN })).body.token as string;
    const made = await callApi(url, 'POST', '/v1/api-tokens', { token: session, body: { name: 'ci', role: 'admin' } });
    const token = made.body.token as string;
    for (const id of [2, 3]) {
      const minted = await callApi(url, 'POST', '/v1/nodes/join-tokens', { token, body: {} });
      await start({
        'cluster.mode': 'join',
        'cluster.join.url': `https://${first.host}:7000`,
        'cluster.join.token': minted.body.token,
        'cluster.join.ca_fingerprint': minted.body.ca_fingerprint,
      });
      const suffrage = async () => (await callApi(url, 'GET', `/v1/cluster/members/${id}`, { token })).body.suffrage;
      await until(async () => (await suffrage()) === 'voter', `node ${id} votes`, 30_000);
    }
    return token;
  }

  /** Since when the certificate that is shown at a port is valid. */
  const shownAt = (host: string, port: number, dataDir: string): Promise<number> =>
    new Promise((resolve, reject) => {
      const identity = loadIdentity(dataDir);
      const own = { cert: identity?.certPem, key: identity?.keyPem, ca: identity?.caPem };
      const socket = connect({ host, port, ...own, checkServerIdentity: () => undefined });
      socket.once('error', reject);
      socket.once('secureConnect', () => {
        resolve(new Date(socket.getPeerCertificate().valid_from).getTime());
        socket.destroy();
      });
    });

  it('is renewed on every node, and no request fails meanwhile', async () => {
    offset = -250 * DAY_MS;
    const token = await grow();
    const outcomes: (number | string)[] = [];
    let over = false;
    const writing = Promise.all(
      nodes.map(async ({ node }, writer) => {
        for (let count = 0; !over; count++) {
          const body = { name: `w${writer}-${count}`, role: 'viewer' };
          const answer = await callApi(node.url, 'POST', '/v1/api-tokens', { token, body });
          // The jump itself: for a moment a node sees that its peers have another time.
          if (answer.body.code === 'not_ready' && answer.text.includes('the clock of this node')) continue;
          outcomes.push(answer.status === 201 ? answer.status : answer.text);
        }
      }),
    );
    await until(() => outcomes.length > 30, 'writes flow');
    offset = 0;
    const certificates = async (): Promise<{ kind: string; not_before: string }[]> =>
      (await callApi(nodes[0]?.node.url ?? '', 'GET', '/v1/cluster/keys', { token })).body.certificates;
    const fresh = (at: number): boolean => at > Date.now() - DAY_MS;
    const renewed = async () =>
      (await certificates()).filter((one) => one.kind === 'node' && fresh(Date.parse(one.not_before)));
    await until(async () => (await renewed()).length === 3, 'every node has a new certificate', 20_000);
    const count = outcomes.length;
    await until(() => outcomes.length > count + 30, 'writes flow on');
    over = true;
    await writing;
    expect(outcomes.filter((status) => status !== 201)).toEqual([]);
    for (const { host, dataDir } of nodes) {
      for (const port of [7000, 7001, 7002])
        expect(fresh(await shownAt(host, port, dataDir)), `${host}:${port}`).toBe(true);
    }
  }, 90_000);

  it('is issued anew at the next start when the node was off for too long, for the same key', async () => {
    offset = -400 * DAY_MS;
    await start();
    const { dataDir, node, host } = nodes[0] as (typeof nodes)[number];
    await node.stop();
    const before = loadIdentity(dataDir);
    const problemOf = (): unknown => {
      const identity = loadIdentity(dataDir);
      try {
        if (identity) checkNodeCertificate({ ...identity, advertisedHosts: [host], nowMs: Date.now() });
      } catch (error) {
        return error;
      }
      return undefined;
    };
    const problem = problemOf();
    expect(problem).toMatchObject({ code: 'expired' });
    const heal = (what: unknown) =>
      healCertificate({ dataDir, nodeId: 1, hosts: [host], nowMs: Date.now(), problem: what });
    expect(await heal(new CertificateError('key_mismatch', 'another key', 'cure'))).toBe(false);
    expect(await heal(problem)).toBe(true);
    expect(problemOf()).toBeUndefined();
    const healed = loadIdentity(dataDir);
    expect(keyPinOf(healed?.certPem ?? '')).toBe(keyPinOf(before?.certPem ?? ''));
    expect(readFileSync(join(dataDir, 'pki/node.crt'), 'utf8')).toBe(healed?.certPem);
    expect(new X509Certificate(healed?.certPem ?? '').subject).toBe('CN=quorate-node-1');
    nodes[0] = { dataDir, host, node: { ...node, stop: () => delay(0) } };
  });
});
