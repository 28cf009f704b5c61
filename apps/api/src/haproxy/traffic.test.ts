import http from 'node:http';
import { type HaproxySettings, haproxySettingsSchema } from '@quorate/shared/haproxy';
import { afterEach, beforeAll, expect, test } from 'vitest';
import { buildModel, type HaproxyNode } from './model';
import { renderConfig } from './render';
import { freePorts, haproxyComplaints, request, TestCa, TestFolder, TestHaproxy, TestNode, until } from './testing';

let ca: TestCa;
const cleanups: (() => Promise<void> | void)[] = [];

beforeAll(async () => {
  ca = await TestCa.create();
});

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function startNode(id: number, tls: boolean, commonName = `quorate-node-${id}`): Promise<TestNode> {
  const certificate = tls ? await ca.issue(commonName, [{ type: 'ip', value: '127.0.0.1' }]) : undefined;
  const node = await TestNode.start(id, certificate);
  cleanups.push(() => node.kill());
  return node;
}

function asMembers(nodes: readonly TestNode[], tls: boolean): HaproxyNode[] {
  return nodes.map(({ id, port }) => ({ id, name: `n${id}`, host: '127.0.0.1', port, tls, state: 'ready' }));
}

interface Setup {
  nodes: readonly [TestNode, TestNode, TestNode];
  port: number;
  statsPort: number;
  httpPort: number;
}

/** Real nodes behind a real HAProxy that runs what the renderer wrote. */
async function setUp(
  settings: Partial<HaproxySettings>,
  tls: boolean,
  change: (config: string) => string = (config) => config,
): Promise<Setup> {
  const folder = new TestFolder();
  cleanups.push(() => folder.remove());
  const nodes = [await startNode(1, tls), await startNode(2, tls), await startNode(3, tls)] as const;
  const [port = 0, statsPort = 0, httpPort = 0] = await freePorts(3);
  const own = await ca.issue('lb.test', [{ type: 'ip', value: '127.0.0.1' }]);
  const parsed = haproxySettingsSchema.parse({
    bind: `127.0.0.1:${port}`,
    ca_path: folder.write('ca.pem', ca.pem),
    certificate_path: folder.write('lb.pem', `${own.cert}\n${own.key}`),
    balance: 'roundrobin',
    // The interval also bounds the connect and the TLS handshake of a check: shorter ones fail on a busy machine.
    check_interval_ms: 1000,
    check_rise: 1,
    check_fall: 1,
    stats_bind: `127.0.0.1:${statsPort}`,
    prometheus_bind: `127.0.0.1:${statsPort}`,
    redirect_http_bind: `127.0.0.1:${httpPort}`,
    run_as: null,
    ...settings,
  });
  const model = buildModel({
    clusterName: 'test',
    settings: parsed,
    nodes: asMembers(nodes, tls),
    portOf: () => undefined,
  });
  const file = folder.write('haproxy.cfg', change(renderConfig(model, '2.6')));
  expect(haproxyComplaints(file)).toBe('');
  const haproxy = await TestHaproxy.start(file, port);
  cleanups.push(() => haproxy.stop());
  const running = { nodes, port, statsPort, httpPort };
  await until(async () => (await serversUp(running)) === 3);
  return running;
}

/** Servers that the statistics call UP after a check that really ran (a layer 7 one); `*` = the next one is under way. */
async function serversUp({ statsPort }: Setup): Promise<number> {
  const { body } = await request(`http://127.0.0.1:${statsPort}/;csv`);
  return body.split('\n').filter((line) => /^quorate_nodes,node-\d+,.*,UP,.*,(\* )?L7OK,/.test(line)).length;
}

/** Asks until no more is needed, one request after the other, each of which must succeed. */
async function answers(url: string, count: number, options = {}): Promise<string[]> {
  const bodies: string[] = [];
  for (let index = 0; index < count; index += 1) {
    const answer = await request(url, options);
    expect(answer.status).toBe(200);
    bodies.push(answer.body);
  }
  return bodies;
}

test('plain: requests go on while one node is killed and another drains', async () => {
  const setup = await setUp({ tls: 'plain', redirect_http_bind: null }, false);
  const url = `http://127.0.0.1:${setup.port}/`;
  expect(new Set(await answers(url, 9))).toEqual(new Set(['1', '2', '3']));

  await setup.nodes[0].kill();
  // At once, before any check: the failed connection is tried again elsewhere, writes too.
  const posted = await answers(url, 6, { method: 'POST' });
  expect(posted).not.toContain('1');
  expect(setup.nodes[1].posts.length + setup.nodes[2].posts.length).toBe(6);

  setup.nodes[1].ready = false;
  await until(async () => (await serversUp(setup)) === 1);
  expect(new Set(await answers(url, 6))).toEqual(new Set(['3']));

  setup.nodes[1].ready = true;
  await until(async () => (await serversUp(setup)) === 2);
  expect(new Set(await answers(url, 6))).toEqual(new Set(['2', '3']));
});

test('plain: what a client claims in forwarding headers never reaches a node', async () => {
  const setup = await setUp({ tls: 'plain', redirect_http_bind: null }, false);
  const { body } = await request(`http://127.0.0.1:${setup.port}/echo`, {
    headers: {
      host: 'console.example.com',
      'x-forwarded-for': '6.6.6.6',
      'x-forwarded-proto': 'https',
      'x-forwarded-host': 'evil.example.com',
      'x-forwarded-prefix': '/evil',
      'x-real-ip': '6.6.6.6',
      forwarded: 'for=6.6.6.6',
    },
  });
  const seen = JSON.parse(body);
  expect(seen).toMatchObject({
    host: 'console.example.com',
    'x-forwarded-for': '127.0.0.1',
    'x-forwarded-proto': 'http',
    'x-forwarded-host': 'console.example.com',
  });
  expect(Object.keys(seen)).not.toEqual(expect.arrayContaining(['forwarded']));
  expect(seen['x-real-ip']).toBeUndefined();
  expect(seen['x-forwarded-prefix']).toBeUndefined();
});

test('plain: an event stream that is silent for longer than every ordinary timeout stays open', async () => {
  // The tight timeouts are cut to 1 s so that the silence can be short; the stream's own are as rendered.
  const shorten = (config: string) =>
    config.replace(
      /timeout (connect|queue|check|http-request|http-keep-alive|client-fin|server-fin) \d+s/g,
      'timeout $1 1s',
    );
  const setup = await setUp({ tls: 'plain', redirect_http_bind: null }, false, shorten);
  let received = '';
  let ended = false;
  const stream = http.get(`http://127.0.0.1:${setup.port}/stream`, { agent: false }, (response) => {
    response.on('data', (chunk) => (received += chunk)).once('close', () => (ended = true));
  });
  stream.on('error', () => (ended = true));
  cleanups.push(() => void stream.destroy());
  await until(() => received.includes('hello'));
  const owner = setup.nodes.find((node) => node.streams.size > 0) ?? setup.nodes[0];

  const silenceEnds = Date.now() + 2500;
  await until(() => Date.now() > silenceEnds);
  expect(ended).toBe(false);
  for (const response of owner.streams) response.write('data: still here\n\n');
  await until(() => received.includes('still here'));

  // A node that drains gives its streams up, so that clients reconnect to another one.
  owner.ready = false;
  await until(() => ended);
}, 20_000);

test('statistics and Prometheus metrics answer', async () => {
  const setup = await setUp({ tls: 'plain', redirect_http_bind: null }, false);
  const page = await request(`http://127.0.0.1:${setup.statsPort}/`);
  expect(page.status).toBe(200);
  expect(page.body).toContain('quorate_nodes');
  const metrics = await request(`http://127.0.0.1:${setup.statsPort}/metrics`);
  expect(metrics.body).toMatch(/haproxy_server_status\{proxy="quorate_nodes",server="node-1"/);
});

test('termination: TLS at HAProxy and again to the nodes, plain HTTP is redirected', async () => {
  const setup = await setUp({ tls: 'terminate' }, true);
  const url = `https://127.0.0.1:${setup.port}/`;
  expect(new Set(await answers(url, 9, { ca: ca.pem }))).toEqual(new Set(['1', '2', '3']));
  const { body } = await request(`${url}echo`, { ca: ca.pem, headers: { 'x-forwarded-proto': 'http' } });
  expect(JSON.parse(body)).toMatchObject({ 'x-forwarded-proto': 'https', 'x-forwarded-for': '127.0.0.1' });

  const redirect = await request(`http://127.0.0.1:${setup.httpPort}/members?x=1`);
  expect(redirect.status).toBe(301);
  expect(redirect.headers.location).toBe(`https://127.0.0.1:${setup.port}/members?x=1`);

  await setup.nodes[2].kill();
  expect(await answers(url, 6, { ca: ca.pem })).not.toContain('3');
});

test('passthrough: the client speaks TLS with the node itself', async () => {
  const setup = await setUp({ tls: 'passthrough' }, true);
  const url = `https://127.0.0.1:${setup.port}/`;
  expect(new Set(await answers(url, 9, { ca: ca.pem }))).toEqual(new Set(['1', '2', '3']));
  setup.nodes[0].ready = false;
  await until(async () => (await serversUp(setup)) === 2);
  expect(await answers(url, 6, { ca: ca.pem })).not.toContain('1');
  await setup.nodes[1].kill();
  expect(new Set(await answers(url, 4, { ca: ca.pem }))).toEqual(new Set(['3']));
});

test.each(['terminate', 'passthrough'] as const)('%s: a certificate of another node is refused', async (mode) => {
  const folder = new TestFolder();
  cleanups.push(() => folder.remove());
  const honest = await startNode(1, true);
  const impostor = await startNode(2, true, 'quorate-node-9');
  const [port = 0, statsPort = 0] = await freePorts(2);
  const own = await ca.issue('lb.test', [{ type: 'ip', value: '127.0.0.1' }]);
  const settings = haproxySettingsSchema.parse({
    tls: mode,
    bind: `127.0.0.1:${port}`,
    ca_path: folder.write('ca.pem', ca.pem),
    certificate_path: folder.write('lb.pem', `${own.cert}\n${own.key}`),
    stats_bind: `127.0.0.1:${statsPort}`,
    check_interval_ms: 1000,
    check_fall: 1,
    run_as: null,
  });
  const model = buildModel({
    clusterName: 'test',
    settings,
    nodes: asMembers([honest, impostor], true),
    portOf: () => undefined,
  });
  const haproxy = await TestHaproxy.start(folder.write('haproxy.cfg', renderConfig(model, '2.6')), port);
  cleanups.push(() => haproxy.stop());
  const csv = async () => (await request(`http://127.0.0.1:${statsPort}/;csv`)).body;
  await until(async () => /^quorate_nodes,node-2,.*,DOWN,.*,(\* )?L6RSP,/m.test(await csv()));
  await until(async () => /^quorate_nodes,node-1,.*,UP,.*,(\* )?L7OK,/m.test(await csv()));
  expect(new Set(await answers(`https://127.0.0.1:${port}/`, 4, { ca: ca.pem }))).toEqual(new Set(['1']));
});
