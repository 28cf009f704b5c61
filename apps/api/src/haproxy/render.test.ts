import { HAPROXY_VERSIONS, type HaproxySettings, haproxySettingsSchema } from '@quorate/shared/haproxy';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { checkConfig } from './lint';
import { buildModel, type HaproxyNode, type HaproxyReplica } from './model';
import { renderConfig } from './render';
import { haproxyComplaints, TestCa, TestFolder } from './testing';

const folder = new TestFolder();
let caPath = '';
let certificatePath = '';

beforeAll(async () => {
  const ca = await TestCa.create();
  const own = await ca.issue('lb.test', [{ type: 'dns', value: 'lb.test' }]);
  caPath = folder.write('ca.pem', ca.pem);
  // A path that must be quoted: # starts a comment, $ a variable.
  certificatePath = folder.write('lb#$HOME.pem', `${own.cert}\n${own.key}`);
});
afterAll(() => folder.remove());

const bind = (port: number) =>
  fc.constantFrom(`*:${port}`, `:${port}`, `127.0.0.1:${port}`, `[::1]:${port}`, `localhost:${port}`);
const port = fc.integer({ min: 1, max: 65_535 });

const settings: fc.Arbitrary<HaproxySettings> = fc
  .record({
    version: fc.constantFrom(...HAPROXY_VERSIONS),
    tls: fc.constantFrom('passthrough', 'terminate', 'plain'),
    bind: fc.constantFrom(443, 8443).chain(bind),
    redirect_http_bind: fc.option(bind(80)),
    stats_bind: fc.option(bind(8404)),
    prometheus_bind: fc.option(fc.constantFrom(8404, 8405).chain(bind)),
    balance: fc.constantFrom('roundrobin', 'leastconn', 'source', 'first', 'random'),
    check_interval_ms: fc.integer({ min: 200, max: 60_000 }),
    check_rise: fc.integer({ min: 1, max: 10 }),
    check_fall: fc.integer({ min: 1, max: 10 }),
    stream_timeout_seconds: fc.integer({ min: 60, max: 86_400 }),
    max_connections: fc.integer({ min: 100, max: 1_000_000 }),
    run_as: fc.constantFrom(null, 'root'),
    runtime_socket: fc.constantFrom(null, '/run/haproxy/#.sock'),
    services: fc.constantFrom(
      [],
      [{ service: 'web', bind: '*:8080' }],
      [{ service: 'web', bind: '127.0.0.1:8081', mode: 'tcp', balance: 'source' }],
    ),
  })
  .map((raw) => haproxySettingsSchema.parse({ ...raw, ca_path: caPath, certificate_path: certificatePath }));

const nodes: fc.Arbitrary<HaproxyNode[]> = fc.uniqueArray(
  fc.record({
    id: fc.integer({ min: 1, max: 63 }),
    name: fc.oneof(fc.constantFrom('a', 'node\nglobal', '"', '$X #'), fc.string({ maxLength: 40 })),
    host: fc.oneof(fc.ipV4(), fc.ipV6(), fc.constantFrom('localhost', '127.0.0.1', '', 'no host', 'a b#c')),
    port: fc.oneof(port, fc.constant(0)),
    tls: fc.boolean(),
    state: fc.constantFrom('ready', 'drained'),
  }),
  { selector: (node) => node.id, maxLength: 7 },
);

function render(given: Partial<HaproxySettings>, members: HaproxyNode[], clusterName = 'test'): string {
  const parsed = haproxySettingsSchema.parse({ ca_path: caPath, certificate_path: certificatePath, ...given });
  return renderConfig(
    buildModel({ clusterName, settings: parsed, nodes: members, portOf: () => undefined }),
    parsed.version,
  );
}

function member(id: number, change: Partial<HaproxyNode> = {}): HaproxyNode {
  return { id, name: `n${id}`, host: `10.0.0.${id}`, port: 8440, tls: true, state: 'ready', ...change };
}

test('the real HAProxy accepts every combination without a warning, and so does the check', () => {
  fc.assert(
    fc.property(settings, nodes, fc.string(), (given, members, clusterName) => {
      const config = render(given, members, clusterName);
      const file = folder.write('haproxy.cfg', config);
      expect(haproxyComplaints(file)).toBe('');
      expect(checkConfig(config, given.version).findings).toEqual([]);
      expect(config).not.toMatch(/HEAD \//);
    }),
    { numRuns: 150 },
  );
}, 180_000);

describe('what the text says', () => {
  test('is the same whatever the order of the members', () => {
    const members = [member(1), member(2), member(3)];
    expect(render({}, [...members].reverse())).toBe(render({}, members));
  });

  test('carries a revision that changes with the configuration, not with its comments', () => {
    const revision = (text: string) => /revision ([0-9a-f]{12})/.exec(text)?.[1];
    const before = revision(render({}, [member(1)]));
    expect(revision(render({}, [member(1)], 'renamed'))).toBe(before);
    expect(revision(render({}, [member(1), member(2)]))).not.toBe(before);
    expect(revision(render({ version: '3.2' }, [member(1)]))).not.toBe(before);
  });

  test.each(HAPROXY_VERSIONS)('%s: readiness over HTTP/1.1 with a Host; nothing that is sent twice', (version) => {
    const config = render({ version }, [member(1)]);
    expect(config).toContain('option httpchk\n    http-check send meth GET uri /readyz ver HTTP/1.1 hdr Host ');
    expect(config).toContain('http-check expect status 200');
    expect(config).toContain('retry-on conn-failure');
    expect(config).not.toMatch(/retry-on (?!conn-failure)/);
    expect(config).toContain(`made for HAProxy ${version}`);
  });

  test.each(HAPROXY_VERSIONS)('%s: a name is pinned on every TLS server, never taken from the client', (version) => {
    for (const tls of ['plain', 'passthrough'] as const) {
      const lines = render({ version, tls }, [member(1), member(2, { host: 'n2.example.com' })])
        .split('\n')
        .filter((line) => line.includes(' server node-'));
      expect(lines).toHaveLength(2);
      expect(lines[0]).toContain('check-sni quorate-node-1 verify required');
      expect(lines[1]).toContain('check-sni n2.example.com verify required');
      expect(lines.every((line) => /sni str\(/.test(line) === (tls === 'plain'))).toBe(true);
      expect(lines.some((line) => line.includes('req.hdr'))).toBe(false);
    }
  });

  test('drained members stay listed but take no traffic; unusable ones are left out and named', () => {
    const config = render({}, [member(1), member(2, { state: 'drained' }), member(3, { host: '', name: 'gone' })]);
    expect(config).toMatch(/server node-2 10\.0\.0\.2:8440 id 2 .* disabled$/m);
    expect(config).not.toContain('server node-3');
    expect(config).toMatch(/^# WARNING: node 3 \(gone\) is left out/m);
  });

  test('loopback addresses are warned about once there is more than one member', () => {
    expect(render({}, [member(1, { host: '127.0.0.1' })])).not.toContain('WARNING');
    expect(render({}, [member(1, { host: '127.0.0.1' }), member(2)])).toMatch(
      /^# WARNING: node 1 .*api\.advertise_url/m,
    );
  });

  test('passthrough cannot reach a node that serves plain HTTP', () => {
    const config = render({ tls: 'passthrough' }, [member(1, { tls: false }), member(2)]);
    expect(config).toMatch(/server node-1 .* disabled$/m);
    expect(config).toMatch(/server node-2 .* check-ssl /);
  });

  test('a name with a line feed stays inside its comment', () => {
    const config = render({}, [member(1, { host: '', name: 'x\nglobal\n  daemon' })], 'a\r\nlisten evil');
    expect(config).not.toMatch(/^(listen| {2}daemon)/m);
  });
});

describe('settings that do not fit together', () => {
  const issues = (given: object) => haproxySettingsSchema.safeParse(given).error?.issues.map((i) => i.path.join('.'));

  test('terminate without a certificate names the field', () => {
    expect(issues({ tls: 'terminate' })).toEqual(['certificate_path']);
  });

  test('one address bound twice names the second field; statistics and metrics may share one', () => {
    expect(issues({ bind: ':443', stats_bind: ':443' })).toEqual(['stats_bind']);
    expect(issues({ stats_bind: ':8404', prometheus_bind: ':8404' })).toBeUndefined();
  });

  test.each([':0', ':65536', '999.0.0.1:80', '[::g]:80', '[]:80', '-x:80', 'a b:80'])('bind %s is refused', (bad) => {
    expect(issues({ bind: bad })).toContain('bind');
  });
});

test('published services: healthy replicas take traffic, the others are disabled, names and order are those of the slots', () => {
  const of = (slot: number, more: Partial<HaproxyReplica> = {}): HaproxyReplica => ({
    ...{ service: 'web', slot, address: '10.0.1.7', port: 31_000 + slot, healthy: true, draining: false },
    ...more,
  });
  const settings = haproxySettingsSchema.parse({
    run_as: null,
    runtime_socket: '/run/haproxy/admin.sock',
    services: [
      { service: 'web', bind: '*:8080' },
      { service: 'queue', bind: '127.0.0.1:5672', mode: 'tcp', balance: 'source' },
    ],
  });
  const replicas = [
    of(2, { draining: true }),
    of(0),
    of(1, { healthy: false, address: 'fd00::7' }),
    of(3, { address: '' }),
    of(0, { service: 'other' }),
  ];
  let portOf: (service: string) => string | undefined = () => 'http';
  const render = (from: readonly HaproxyReplica[]) =>
    renderConfig(buildModel({ clusterName: 'test', settings, nodes: [], replicas: from, portOf }), '2.6');
  const text = render(replicas);
  expect(text).toMatch(/^frontend publish_web\n {4}mode http\n {4}bind \*:8080\n/m);
  expect(text).toContain('    default_backend service_web\n');
  expect(text.match(/^ +server web-.*$/gm)?.map((line) => line.trim())).toEqual([
    'server web-0 10.0.1.7:31000 id 1',
    'server web-1 [fd00::7]:31001 id 2 disabled',
    'server web-2 10.0.1.7:31002 id 3 disabled',
  ]);
  expect(text).toContain('# WARNING: no replica of the service queue takes traffic');
  expect(text).toContain('stats socket /run/haproxy/admin.sock mode 660 level admin');
  expect(render([...replicas].reverse())).toBe(text);
  portOf = (service) => (service === 'web' ? '' : undefined);
  expect(render([])).toMatch(/^# WARNING: the service web publishes no port: .*unpublish web$/m);
  expect(render([])).toMatch(/^# WARNING: there is no service queue any more: .*unpublish queue$/m);
  for (const version of HAPROXY_VERSIONS) expect(checkConfig(text, version), version).toMatchObject({ ok: true });
  expect(haproxyComplaints(folder.write('services.cfg', text))).toBe('');
});
