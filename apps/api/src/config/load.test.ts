import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { CONFIG_KEYS, envName } from './keys';
import { type LoadOptions, loadConfig } from './load';
import { ConfigError } from './problem';
import { renderConfig } from './render';
import type { ConfigFlag } from './sources';
import { formatDuration, parseDuration } from './values';

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'quorate-config-'));
  file = join(folder, 'q.yaml');
});
afterEach(() => rmSync(folder, { recursive: true }));

const host = { hostname: 'alpha', ipv4: '192.0.2.7' };
const flag = (key: string, value: string): ConfigFlag => ({ key, value, flag: `--set ${key}` });

function load(yaml: string | undefined, options: Partial<LoadOptions> = {}) {
  if (yaml !== undefined) writeFileSync(file, yaml);
  return loadConfig({ file: yaml === undefined ? undefined : file, env: {}, flags: [], host, ...options });
}

/** The problems of a configuration that is refused, as `origin: key: message` with the file called `q.yaml`. */
function problemsOf(yaml: string | undefined, options: Partial<LoadOptions> = {}): string[] {
  try {
    load(yaml, options);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.problems.map(({ origin, key, message }) => `${origin.replace(file, 'q.yaml')}: ${key}: ${message}`);
  }
  throw new Error('the configuration was accepted');
}

const JOIN = `cluster:
  mode: join
  join:
    url: https://10.0.0.1:7000
    ca_fingerprint: sha256:${'0'.repeat(64)}
`;

describe('precedence and defaults', () => {
  test('nothing given: one node on loopback', () => {
    const { config, origins, warnings } = load(undefined);
    expect(config.api.address).toBe('127.0.0.1:8440');
    expect(config.node).toEqual({ id: 'auto', name: 'alpha' });
    expect(config.cluster.join.timeout).toBe(30_000);
    expect(config.raft).toMatchObject({ peer_address: '127.0.0.1:7001', client_address: '127.0.0.1:7002' });
    expect(config.raft).toMatchObject({ heartbeat: 50, election: 300 });
    expect(config.api.advertise_url).toBe('http://127.0.0.1:8440');
    expect(origins.get('api.address')).toBe('default');
    expect(origins.get('raft.peer_address')).toBe('derived');
    expect(warnings).toEqual([]);
  });

  test('flags beat the environment, which beats the file', () => {
    const yaml = 'api:\n  address: 127.0.0.1:1001\nlog: { level: debug, format: json }\n';
    const { config, origins } = load(yaml, {
      env: { QUORATE_API__ADDRESS: '127.0.0.1:1002', QUORATE_LOG__LEVEL: 'warn', QUORATE_DATA_DIR: '', HOME: '/x' },
      flags: [flag('api.address', '127.0.0.1:1003')],
    });
    expect(config.api.address).toBe('127.0.0.1:1003');
    expect(origins.get('api.address')).toBe('--set api.address');
    expect(config.log).toEqual({ level: 'warn', format: 'json' });
    expect(origins.get('log.level')).toBe('QUORATE_LOG__LEVEL');
    expect(origins.get('log.format')).toBe(`${file}:3:30`);
    expect(config.data_dir).toBe('/var/lib/quorate');
  });

  test('lists, booleans, numbers and ids from text', () => {
    const { config } = load(undefined, {
      env: { QUORATE_API__TRUSTED_PROXIES: '10.0.0.0/8, ::1', QUORATE_WORKERS__ENABLED: 'no', QUORATE_NODE__ID: '7' },
      flags: [flag('workers.concurrency', '9')],
    });
    expect(config.api.trusted_proxies).toEqual(['10.0.0.0/8', '::1']);
    expect(config.workers).toEqual({ enabled: false, concurrency: 9, user: '', stop_services: false });
    expect(config.node.id).toBe(7);
  });

  test('a _FILE variable reads a secret, without its last line break', () => {
    const secret = join(folder, 'token');
    writeFileSync(secret, `qj_${'a'.repeat(43)}\n`);
    const { config, origins } = load(JOIN, { env: { QUORATE_CLUSTER__JOIN__TOKEN_FILE: secret } });
    expect(config.cluster.join.token).toBe(`qj_${'a'.repeat(43)}`);
    expect(origins.get('cluster.join.token')).toBe('QUORATE_CLUSTER__JOIN__TOKEN_FILE');
    expect(renderConfig(config, origins)).not.toContain('aaaa');
  });

  test.each(['', '# only a comment\n', 'cluster:\napi:\n  address:\n'])(
    'an empty file or section is fine: %j',
    (yaml) => {
      expect(load(yaml).config).toEqual(load(undefined).config);
    },
  );

  test('the wildcard address advertises the routable one', () => {
    const { config } = load('cluster: { address: "0.0.0.0:7000" }\napi: { address: "0.0.0.0:8440" }\n');
    expect(config.cluster.advertise).toBe('192.0.2.7:7000');
    expect(config.api.advertise_url).toBe('https://192.0.2.7:8440');
    expect(config.raft.peer_address).toBe('0.0.0.0:7001');
  });
});

describe('refusals name the place and the cure', () => {
  test.each<[string, string, string]>([
    ['a key with a typo', 'api:\n  adress: x\n', 'q.yaml:2:3: api.adress: unknown key; did you mean api.address?'],
    [
      'a key on the wrong level',
      'token_path: x\n',
      'q.yaml:1:1: token_path: unknown key; did you mean cluster.join.token_path?',
    ],
    ['an unknown section', 'zzzzzzzzzz: 1\n', 'q.yaml:1:1: zzzzzzzzzz: unknown key'],
    ['a value for a section', 'api: 5\n', 'q.yaml:1:6: api: expected a section with keys below it'],
    ['a root that is a list', '- a\n', 'q.yaml:1:1: : expected keys and values, such as "data_dir: /srv/quorate"'],
    [
      'an enum',
      'raft: { profile: lam }\n',
      'q.yaml:1:18: raft.profile: expected one of lan, wan, custom, got "lam"; did you mean lan?',
    ],
    [
      'a number out of range',
      'workers: { concurrency: 0 }\n',
      'q.yaml:1:25: workers.concurrency: expected a whole number from 1 to 256, got 0',
    ],
    [
      'text for a boolean',
      'workers: { enabled: "si" }\n',
      'q.yaml:1:21: workers.enabled: expected true or false, got "si"',
    ],
    ['a node id', 'node: { id: 64 }\n', 'q.yaml:1:13: node.id: expected auto or a whole number from 1 to 63, got 64'],
    [
      'an address',
      'api: { address: "1.2.3.4" }\n',
      'q.yaml:1:17: api.address: expected host:port, such as 10.0.0.1:7000 or [fd00::1]:7000, got "1.2.3.4"',
    ],
    [
      'an item of a list',
      'api:\n  trusted_proxies:\n    - 10.0.0.0/8\n    - 10.0.0.0/33\n',
      'q.yaml:4:7: api.trusted_proxies.1: expected an IP address or a network such as 10.0.0.0/8, got "10.0.0.0/33"',
    ],
    [
      'a duration without a unit',
      'cluster: { join: { timeout: 30 } }\n',
      'q.yaml:1:29: cluster.join.timeout: expected a duration, such as 30s, got 30',
    ],
    [
      'a duration out of range',
      'cluster: { join: { timeout: 2h } }\n',
      'q.yaml:1:29: cluster.join.timeout: must be between 1s and 1h, got "2h"',
    ],
    [
      'TLS off in public',
      'api: { address: "10.0.0.1:8440", tls: { mode: off } }\n',
      'q.yaml:1:47: api.tls.mode: off would send passwords in clear over 10.0.0.1:8440; use auto or files, or set api.tls.allow_insecure: true',
    ],
    [
      'TLS files without key',
      'api: { tls: { mode: files, cert: a } }\n',
      'default: api.tls.key: must name a PEM file when api.tls.mode is files',
    ],
    [
      'bootstrap without peers',
      'cluster: { mode: bootstrap, tls: { ca: a, cert: b, key: c } }\n',
      "default: cluster.peers: must list every founding member's cluster address in bootstrap mode",
    ],
    [
      'a wrong count of peers',
      'cluster: { mode: bootstrap, peers: ["127.0.0.1:7000"], tls: { ca: a, cert: b, key: c } }\n',
      'default: cluster.bootstrap_expect: is 3, but cluster.peers lists 1; make them equal',
    ],
    [
      'peers without oneself',
      'cluster: { mode: bootstrap, bootstrap_expect: 1, peers: ["10.0.0.1:7000"], tls: { ca: a, cert: b, key: c } }\n',
      "q.yaml:1:57: cluster.peers: does not list this node's own address 127.0.0.1:7000; the list is the same on every member",
    ],
    [
      'bootstrap without certificates of the operator',
      'cluster: { mode: bootstrap, bootstrap_expect: 1, peers: ["127.0.0.1:7000"] }\n',
      'default: cluster.tls: must be given in bootstrap mode, where the members know each other by your CA; make them with "quorated pki init" and "quorated pki issue"',
    ],
    [
      'an etcd over plain HTTP elsewhere',
      'raft: { endpoints: ["http://10.0.0.9:2379"] }\n',
      'q.yaml:1:20: raft.endpoints: would send the log in clear to http://10.0.0.9:2379; use https://',
    ],
    ['join without a token', JOIN, 'default: cluster.join.token_path: must name the file with the join token'],
    [
      'half of a certificate',
      'cluster: { tls: { ca: a } }\n',
      'default: cluster.tls: give ca, cert and key, or none of them',
    ],
    [
      'custom timing without values',
      'raft: { profile: custom, heartbeat: 100ms }\n',
      'default: raft.election: must be given when raft.profile is custom, such as 1s',
    ],
    [
      'an election timeout that is too short',
      'raft: { profile: custom, heartbeat: 100ms, election: 200ms }\n',
      'q.yaml:1:54: raft.election: must be at least 5 times raft.heartbeat, or members elect without need',
    ],
    [
      'two listeners on one port',
      'api: { address: "127.0.0.1:7001" }\n',
      'default: raft.peer_address: 127.0.0.1:7001 collides with api.address (127.0.0.1:7001); give each its own port',
    ],
    [
      'no room for the Raft ports',
      'cluster: { address: "127.0.0.1:65534" }\n',
      'q.yaml:1:21: cluster.address: leaves no room for the Raft ports (port + 1, + 2); use a port up to 65533',
    ],
  ])('%s', (_, yaml, expected) => {
    expect(problemsOf(yaml)).toEqual([expected]);
  });

  test('both token sources', () => {
    const yaml = `${JOIN}    token: qj_${'a'.repeat(43)}\n    token_path: /t\n`;
    expect(problemsOf(yaml)).toEqual(['q.yaml:6:12: cluster.join.token: give either token or token_path, not both']);
  });

  test('a malformed secret is not repeated', () => {
    const message = problemsOf(`${JOIN}    token: hunter2\n`).join();
    expect(message).toContain('expected a join token: qj_ and 43 characters');
    expect(message).not.toContain('hunter2');
  });

  test('broken YAML names line and column; a repeated key too', () => {
    expect(problemsOf('api:\n  address: "x\n')[0]).toMatch(/^q\.yaml:\d+:\d+: : /);
    expect(problemsOf('data_dir: /a\ndata_dir: /b\n')[0]).toMatch(/^q\.yaml:2:1: : .*unique/);
  });

  test('a file that cannot be read', () => {
    expect(problemsOf(undefined, { file: join(folder, 'absent.yaml') })[0]).toMatch(
      /cannot be read: ENOENT.*init-config/,
    );
  });

  test('variables: unknown, single underscore, set twice, unreadable; the client’s own are left alone', () => {
    const env = {
      QUORATE_API__ADRESS: 'x',
      QUORATE_LOG_LEVEL: 'debug',
      QUORATE_RAFT__BINARY: 'a',
      QUORATE_RAFT__BINARY_FILE: 'b',
      QUORATE_DATA_DIR_FILE: join(folder, 'absent'),
      QUORATE_CONTEXT: 'prod',
      QUORATE_SOMETHING: 'else',
    };
    expect(problemsOf(undefined, { env })).toEqual([
      'QUORATE_API__ADRESS: : no such key api.adress; did you mean QUORATE_API__ADDRESS?',
      expect.stringMatching(/^QUORATE_DATA_DIR_FILE: data_dir: the file cannot be read: ENOENT/),
      'QUORATE_LOG_LEVEL: : no such key log_level; did you mean QUORATE_LOG__LEVEL?',
      'QUORATE_RAFT__BINARY_FILE: raft.binary: set either QUORATE_RAFT__BINARY_FILE or QUORATE_RAFT__BINARY, not both',
    ]);
  });

  test('flags: unknown key, a section, a wrong type', () => {
    const flags = [flag('api.adress', 'x'), flag('api.tls', 'x'), flag('workers.enabled', 'maybe')];
    expect(problemsOf(undefined, { flags })).toEqual([
      '--set api.adress: api.adress: unknown key; did you mean api.address?',
      '--set api.tls: api.tls: api.tls is a section; set one of its keys, such as api.tls.mode',
      '--set workers.enabled: workers.enabled: expected true or false, got "maybe"',
    ]);
  });

  test('no routable address to advertise', () => {
    const options = { host: { hostname: 'alpha', ipv4: undefined } };
    expect(problemsOf('cluster: { advertise: auto }\n', options)).toEqual([
      'q.yaml:1:23: cluster.advertise: this host has no routable IPv4 address to advertise; set cluster.advertise to host:port',
    ]);
  });

  test('a rule keeps quiet about keys that are malformed already', () => {
    expect(problemsOf('cluster: { mode: join, join: 3 }\n')).toEqual([
      'q.yaml:1:30: cluster.join: expected a section with keys below it',
    ]);
    expect(problemsOf('api: { address: nowhere, tls: { mode: off } }\n')).toHaveLength(1);
    expect(problemsOf('raft: { profile: custom, heartbeat: 1, election: 300ms }\n')).toHaveLength(1);
  });

  test('everything at once', () => {
    const yaml = 'api: { adress: x, tls: { mode: of } }\nraft: { profile: custom }\n';
    const problems = problemsOf(yaml, { env: { QUORATE_NODE__ID: '99' }, flags: [flag('nope', '1')] });
    expect(problems).toHaveLength(6);
  });
});

describe('properties', () => {
  const port = fc.integer({ min: 10_000, max: 60_000 });
  const settings = fc.record({
    'node.id': fc.integer({ min: 1, max: 63 }).map(String),
    'node.name': fc.stringMatching(/^[a-z0-9]([a-z0-9.-]{0,20}[a-z0-9])?$/),
    data_dir: fc.stringMatching(/^\/[ -~]{0,30}$/),
    'api.address': port.map((value) => `127.0.0.9:${value}`),
    'log.level': fc.constantFrom('debug', 'info', 'error'),
    'cluster.join.timeout': fc.integer({ min: 1000, max: 3_600_000 }).map(formatDuration),
    'workers.enabled': fc.boolean().map(String),
    'api.trusted_proxies': fc.array(fc.ipV4(), { maxLength: 5, minLength: 1 }).map((list) => list.join(',')),
  });

  test('flags, variables and the file that config view prints all load to the same configuration', () => {
    fc.assert(
      fc.property(settings, (values) => {
        const entries = Object.entries(values);
        const { config } = load(undefined, { flags: entries.map(([key, value]) => flag(key, value)) });
        expect(
          load(undefined, { env: Object.fromEntries(entries.map(([key, value]) => [envName(key), value])) }).config,
        ).toEqual(config);
        // The view holds derived timing too, which only counts in the custom profile.
        expect(load(renderConfig(config)).config).toEqual(config);
      }),
      { numRuns: 60 },
    );
  });

  test('any YAML is either accepted or refused with a ConfigError', () => {
    const key = fc.constantFrom(...CONFIG_KEYS.keys(), 'api', 'nope', '');
    fc.assert(
      fc.property(fc.dictionary(key, fc.jsonValue(), { maxKeys: 5 }), fc.string(), (tree, noise) => {
        for (const yaml of [JSON.stringify(tree), noise, `api: ${JSON.stringify(tree)}`]) {
          try {
            load(yaml);
          } catch (error) {
            expect(error).toBeInstanceOf(ConfigError);
          }
        }
      }),
      { numRuns: 200 },
    );
  });

  test('durations', () => {
    fc.assert(fc.property(fc.integer({ min: 0, max: 999_999_999 }), (ms) => parseDuration(formatDuration(ms)) === ms));
  });
});
