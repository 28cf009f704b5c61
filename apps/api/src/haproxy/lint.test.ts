import { HAPROXY_VERSIONS } from '@quorate/shared/haproxy';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { unifiedDiff } from './diff';
import { checkConfig } from './lint';
import { DIRECTIVE_RULES } from './lint/directives';
import { MAX_FINDINGS } from './lint/report';
import { haproxyComplaints, TestFolder } from './testing';

const folder = new TestFolder();
afterAll(() => folder.remove());

/** The example that older installation guides give for a web cluster. */
const GUIDE = `listen elma365_web
    bind haproxy-server.your_domain:80
    mode http
    balance leastconn
    no option http-use-htx
    option forwardfor
    option httpclose
    option httpchk HEAD /
    server elma365-1 elma365-1.your_domain:80 check
    server elma365-2 elma365-2.your_domain:80 check
    server elma365-3 elma365-3.your_domain:80 check
`;

/** Host names to addresses, so that HAProxy need not resolve them. */
const onLoopback = (text: string) => text.replace(/[\w-]+\.your_domain/g, '127.0.0.1');

/** A directive in a section where all else is well. */
function inListen(...lines: string[]): string {
  const body = lines.map((line) => `    ${line}\n`).join('');
  return `${DEFAULTS}listen web\n    bind 127.0.0.1:8999\n${body}    server s1 127.0.0.1:1 check\n`;
}
const DEFAULTS = 'defaults\n    mode http\n    timeout connect 5s\n    timeout client 1m\n    timeout server 1m\n';
const inGlobal = (line: string) => `global\n    ${line}\n${inListen()}`;

describe('the guide’s example', () => {
  test('is explained line by line', () => {
    const { ok, findings } = checkConfig(GUIDE, '2.6');
    expect(ok).toBe(false);
    const at = (line: number) => findings.find((finding) => finding.line === line);
    expect(at(5)).toMatchObject({ severity: 'error', since: '2.5', replacement: '' });
    expect(at(6)).toMatchObject({ severity: 'advice', replacement: null });
    expect(at(7)).toMatchObject({ severity: 'warning', replacement: '' });
    expect(at(8)).toMatchObject({ severity: 'warning' });
    expect(at(8)?.replacement).toContain('http-check send meth GET uri /readyz ver HTTP/1.1 hdr Host');
    expect(at(1)?.message).toContain('"timeout connect", "timeout client", "timeout server" are missing');
  });

  test('does not load as it is, and loads without a warning as rewritten', () => {
    expect(haproxyComplaints(folder.write('old.cfg', onLoopback(GUIDE)))).toContain('http-use-htx');
    const { rewritten } = checkConfig(GUIDE, '2.6');
    expect(haproxyComplaints(folder.write('new.cfg', onLoopback(rewritten)))).toBe('');
    expect(checkConfig(rewritten, '2.6').ok).toBe(true);
  });

  test('survives the blanks, quotes and line ends of a web page', () => {
    const pasted = GUIDE.replaceAll('    ', '\u00A0\u00A0  ').replaceAll('\n', '\r\n');
    const { findings, rewritten } = checkConfig(pasted, '2.6');
    expect(findings.map((finding) => finding.message).join()).toMatch(/CR LF.*non-breaking blanks/s);
    expect(rewritten).not.toMatch(/[\r\u00A0]/);
    expect(haproxyComplaints(folder.write('pasted.cfg', onLoopback(rewritten)))).toBe('');
  });
});

describe('HAProxy 2.6 agrees', () => {
  const REFUSED: readonly (readonly [config: string, curable: boolean])[] = [
    ...[
      'option forceclose',
      'option http-tunnel',
      'no option http-use-htx',
      'reqadd X-Test:\\ a\\ b',
      'rspadd X-Test:\\ $b if { status 200 }',
      'reqidel ^X-Test:.*',
      'rspidel ^Server:',
      'block if { path /x }',
      'redispatch',
      'clitimeout 1000',
      'contimeout 1000',
      'timeout srvtimeout 1000',
      'appsession JSESSIONID len 52 timeout 3h',
      'monitor-net 10.0.0.0/8',
      'grace 1000',
      'server s1 127.0.0.1:2 check',
      'server s2 127.0.0.1:2 check init-state up',
      'option httpchk HEAD / HTTP/1.0\\r\\nHost:',
    ].map((line) => [inListen(line), true] as const),
    ...['nbproc 2', 'debug', 'tune.chksize 16384', 'ssl-engine rdrand'].map((line) => [inGlobal(line), true] as const),
    [`${DEFAULTS}listen web 127.0.0.1:8999\n    server s1 127.0.0.1:1 check\n`, true],
    ...[
      'option http_proxy',
      'reqrep ^a b',
      'reqideny ^a',
      'rspirep a b',
      'bind 127.0.0.1:8998 ssl',
      'default_backend nowhere',
      'option htpclose',
      'tiemout client 1s',
      'http-request set-headr A b',
    ].map((line) => [inListen(line), false] as const),
    [inGlobal('maxcon 1'), false],
  ];

  test.each(REFUSED)('refused: %s', (config, curable) => {
    if (!config.includes('\\r\\nHost'))
      expect(haproxyComplaints(folder.write('refused.cfg', config))).toMatch(/exit status 1/);
    const { ok, rewritten } = checkConfig(config, '2.6');
    if (curable) expect(haproxyComplaints(folder.write('cured.cfg', rewritten))).toBe('');
    else expect(ok).toBe(false);
  });

  test.each([
    ['bind-process 1', 'proxy'],
    ['http-check expect status 200', 'proxy'],
    ['bind 127.0.0.1:8998 process 1', 'proxy'],
    ['tune.ssl.capture-cipherlist-size 10', 'global'],
  ])('warned about, and cured: %s', (line, where) => {
    const config = where === 'global' ? inGlobal(line) : inListen(line);
    expect(haproxyComplaints(folder.write('warned.cfg', config))).toMatch(/WARNING/);
    const { ok, findings, rewritten } = checkConfig(config, '2.6');
    expect(ok).toBe(true);
    expect(findings.map((finding) => finding.severity)).toEqual(['warning']);
    expect(haproxyComplaints(folder.write('cured.cfg', rewritten))).toBe('');
  });

  test('http options in a tcp section, and an ordinary modern configuration', () => {
    const tcp = `${DEFAULTS}listen web\n    mode tcp\n    bind 127.0.0.1:8999\n    option forwardfor\n    option httpclose\n    server a 127.0.0.1:1 check\n`;
    expect(haproxyComplaints(folder.write('tcp.cfg', tcp))).toMatch(/forwardfor/);
    expect(haproxyComplaints(folder.write('tcp.cfg', checkConfig(tcp, '2.6').rewritten))).toBe('');
    expect(checkConfig(inListen('http-request set-var(txn.a) src', 'option redispatch 1'), '2.6').findings).toEqual([]);
  });
});

describe('the version decides', () => {
  const severities = (config: string) =>
    HAPROXY_VERSIONS.map(
      (version) =>
        checkConfig(config, version)
          .findings.map((f) => f.severity)
          .join() || '-',
    );

  const of = (count: number, severity: string): string[] => Array(count).fill(severity);
  test.each([
    ['bind-process', inListen('bind-process 1'), ['advice', ...of(2, 'warning'), ...of(7, 'error')]],
    ['dispatch', inListen('dispatch 127.0.0.1:9'), [...of(9, 'advice'), 'warning']],
    ['accept-invalid', inListen('option accept-invalid-http-request'), [...of(7, 'advice'), ...of(3, 'warning')]],
    ['program', `program x\n    command /bin/true\n${inListen()}`, [...of(7, 'advice'), ...of(2, 'warning'), 'error']],
    ['init-state', inListen('server s2 127.0.0.1:2 check init-state up'), [...of(7, 'error'), ...of(2, '-'), 'advice']],
    ['httpslog', inListen('log 127.0.0.1 local0', 'option httpslog'), ['error', ...of(9, '-')]],
    ['master-worker', inGlobal('master-worker'), [...of(9, 'advice'), 'warning']],
  ])('%s', (_name, config, expected) => {
    expect(severities(config)).toEqual(expected);
  });

  test('what only a later version renames is not rewritten', () => {
    const config = inListen('option accept-invalid-http-request');
    expect(checkConfig(config, '3.0').rewritten).toBe(config);
    expect(checkConfig(config, '3.1').rewritten).toContain('option accept-unsafe-violations-in-http-request');
  });
});

describe('the edges', () => {
  test('the nearest known name is offered', () => {
    const messages = (config: string) =>
      checkConfig(config, '2.6')
        .findings.map((f) => f.message)
        .join('\n');
    expect(messages(inListen('balence roundrobin'))).toContain('Did you mean "balance"?');
    expect(messages(inListen('option httplogg'))).toContain('Did you mean "option httplog"?');
    expect(messages('globl\n    maxconn 5\n')).toContain('Did you mean "global"?');
  });

  test('a correct readiness check is left alone; others are not', () => {
    const good = inListen('option httpchk', 'http-check send meth GET uri /readyz ver HTTP/1.1 hdr Host q');
    expect(checkConfig(good, '2.6').findings).toEqual([]);
    const bad = checkConfig(inListen('option httpchk', 'http-check send meth HEAD uri /'), '2.6');
    expect(bad.rewritten).toContain('http-check send meth GET uri /readyz ver HTTP/1.1 hdr Host');
  });

  test('several edits of one line add up, and comments stay', () => {
    const { rewritten, findings } = checkConfig(inListen('bind :80 npn h2 process 1 # door'), '2.8');
    expect(rewritten).toContain('    bind :80 alpn h2 # door\n');
    expect(findings.map((f) => f.replacement)).toEqual(['bind :80 alpn h2 # door', 'bind :80 alpn h2 # door']);
  });

  test('text without a finding comes back as it was', () => {
    const config = `# ours\n\n${inListen("http-request set-header X '# no comment'  # yes")}`;
    expect(checkConfig(config, '2.6')).toMatchObject({ ok: true, findings: [], rewritten: config });
  });

  test('never throws, keeps line numbers in range, and settles: rewriting twice is rewriting once', () => {
    const word = fc.oneof(
      fc.constantFrom(
        'listen',
        'global',
        'defaults',
        'bind',
        'server',
        'option',
        'no',
        '"',
        "'",
        '\\',
        '#',
        'check',
        '%[',
        '{',
      ),
      fc.constantFrom(...[...DIRECTIVE_RULES.keys()].map((key) => key.slice(key.indexOf(' ') + 1))),
      fc.string({ unit: 'binary', maxLength: 12 }),
    );
    const line = fc.array(word, { maxLength: 6 }).map((words) => words.join(' '));
    fc.assert(
      fc.property(fc.array(line, { maxLength: 20 }), fc.constantFrom(...HAPROXY_VERSIONS), (lines, version) => {
        const text = lines.join('\n');
        const { findings, rewritten } = checkConfig(text, version);
        const count = text.split(/\r\n|[\n\r]/).length;
        for (const finding of findings) expect(finding.line >= 1 && finding.line <= count).toBe(true);
        expect(rewritten.endsWith('\n')).toBe(true);
        expect(checkConfig(rewritten, version).rewritten).toBe(rewritten);
      }),
      { numRuns: 500 },
    );
  });

  test.each([
    ['misspelt lines', () => 'listen a\n'.concat('optoin x\n'.repeat(29_000))],
    [
      'distinct misspelt lines',
      () => `listen a\n${Array.from({ length: 20_000 }, (_, i) => `timeoot${i}`).join('\n')}`,
    ],
    ['one long line', () => `listen a\n  ${'a_b '.repeat(65_000)}`],
    ['one long word', () => `listen a\n  ${'a_'.repeat(130_000)}`],
    ['quotes', () => `listen a\n  ${'"\\'.repeat(130_000)}`],
    ['sections', () => 'listen a\n'.repeat(29_000)],
    ['servers of one name', () => 'listen a\n'.concat('server s x\n'.repeat(23_000))],
    [
      'servers below long defaults',
      () => `defaults\n${'default-server x\n'.repeat(7000)}${'listen a\nserver s x\n'.repeat(7000)}`,
    ],
    [
      'missing backends',
      () => Array.from({ length: 7000 }, (_, i) => `listen n${i}\ndefault_backend m${i}\n`).join(''),
    ],
    ['blanks', () => `listen a\n${' '.repeat(260_000)}x`],
  ])('256 KiB of %s take less than two seconds of the processor', (_name, make) => {
    const text = make().slice(0, 262_144);
    const before = process.cpuUsage();
    const { findings } = checkConfig(text, '2.6');
    // Of this process alone: what else the machine does counts for nothing.
    const { user, system } = process.cpuUsage(before);
    expect((user + system) / 1000).toBeLessThan(2000);
    expect(findings.length).toBeLessThanOrEqual(MAX_FINDINGS + 1);
  });
});

test('the unified diff shows what changed, and nothing for equal texts', () => {
  expect(unifiedDiff('a\nb\n', 'a\nb\n', 'revision 1', 'revision 2')).toBe('');
  expect(unifiedDiff('a\nb\nc\n', 'a\nB\nc\n', 'revision 1', 'revision 2')).toBe(
    '--- revision 1\n+++ revision 2\n@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n',
  );
});
