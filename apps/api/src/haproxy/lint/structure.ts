import { type ConfigDocument, type ConfigSection, has, isProxy, linesOf, modeOf } from './document';
import { nearest, SECTIONS } from './keywords';
import { type ConfigLine, isAtLeast, rest, valueAt } from './line';
import { verdict } from './lines';
import type { Report } from './report';

/** One rule over a whole proxy section; `defaults` sections are looked at through the proxies that inherit them. */
type SectionCheck = (section: ConfigSection, version: string, report: Report) => void;

const TAKES_CLIENTS = new Set(['frontend', 'listen']);
const HAS_SERVERS = new Set(['backend', 'listen']);

/** Checks that need more than one line: sections, names, references, timeouts, checks, certificates. */
export function checkStructure(document: ConfigDocument, version: string, report: Report): void {
  for (const line of document.orphans) orphan(line, report);
  for (const section of document.sections) {
    sectionLifetime(section, version, report);
    if (!isProxy(section) || section.kind === 'defaults') continue;
    for (const check of SECTION_CHECKS) check(section, version, report);
  }
  duplicateSections(document, version, report);
  missingBackends(document, report);
}

function orphan(line: ConfigLine, report: Report): void {
  const near = valueAt(line, 0).length <= 64 ? nearest(valueAt(line, 0), SECTIONS.keys()) : null;
  const hint = near ? ` Did you mean "${near}"?` : ' A configuration begins with "global", "defaults", "listen" …';
  report.note(line, { severity: 'error', message: `This line stands in no section.${hint}` });
}

function sectionLifetime(section: ConfigSection, version: string, report: Report): void {
  const life = SECTIONS.get(section.kind) ?? {};
  const found = verdict(life, version);
  if (!found) return;
  const what = life.introduced
    ? `came in ${life.introduced}`
    : life.removed
      ? `is deprecated since ${life.deprecated} and removed in ${life.removed}`
      : `is deprecated since ${life.deprecated}`;
  const hint = life.hint ? `: ${life.hint}` : '';
  report.note(section.header, { ...found, message: `The "${section.kind}" section ${what}${hint}.` });
}

const SECTION_CHECKS: readonly SectionCheck[] = [
  nameAndAddress,
  timeouts,
  certificates,
  duplicateServers,
  serverChecks,
  orphanedChecks,
  httpOnlyOptions,
  logging,
  forwardedFor,
  balance,
];

/** `listen web 0.0.0.0:80` is how 1.x wrote it. */
function nameAndAddress(section: ConfigSection, _version: string, report: Report): void {
  const { header, kind, name } = section;
  if (name === '') {
    report.note(header, { severity: 'error', message: `"${kind}" needs a name.` });
    return;
  }
  const address = valueAt(header, 2);
  if (!TAKES_CLIENTS.has(kind) || address === '' || address === 'from') return;
  report.replace(header, [`${kind} ${rest(header, 1).split(' ')[0] ?? name}`, `    bind ${rest(header, 2)}`], {
    severity: 'error',
    message: `An address after the name is not understood any more: it goes on a "bind" line.`,
  });
}

function timeouts(section: ConfigSection, _version: string, report: Report): void {
  const wanted = [
    ...(HAS_SERVERS.has(section.kind) ? [['connect', '5s', 'contimeout'] as const] : []),
    ...(TAKES_CLIENTS.has(section.kind) ? [['client', '1m', 'clitimeout'] as const] : []),
    ...(HAS_SERVERS.has(section.kind) ? [['server', '1m', 'srvtimeout'] as const] : []),
  ];
  const missing = wanted.filter(([name, , old]) => !has(section, 'timeout', name) && !has(section, old));
  if (missing.length === 0) return;
  const names = missing.map(([name]) => `"timeout ${name}"`).join(', ');
  report.add(
    section.header,
    missing.map(([name, value]) => `    timeout ${name} ${value}`),
    {
      severity: 'warning',
      message: `${names} ${missing.length > 1 ? 'are' : 'is'} missing: without, a peer that hangs holds its connection for ever, and HAProxy warns. The rewritten text sets usual values; raise client and server for server-sent events.`,
    },
  );
}

function certificates(section: ConfigSection, _version: string, report: Report): void {
  if (has(section, 'ssl-f-use')) return;
  for (const line of linesOf(section, 'bind')) {
    const words = line.words.map((word) => word.value);
    const certificate = ['crt', 'crt-list', 'default-crt', 'generate-certificates'].some((word) =>
      words.includes(word),
    );
    if (words.includes('ssl') && !certificate) {
      const message = '"bind … ssl" needs a certificate: add "crt /path/to/certificate-and-key.pem".';
      report.note(line, { severity: 'error', message });
    }
  }
}

function duplicateServers(section: ConfigSection, _version: string, report: Report): void {
  const servers = linesOf(section, 'server');
  const taken = new Set(servers.map((line) => valueAt(line, 1)));
  const first = new Map<string, { line: ConfigLine; next: number }>();
  for (const line of servers) {
    const name = valueAt(line, 1);
    const before = first.get(name);
    if (!before) {
      first.set(name, { line, next: 2 });
      continue;
    }
    while (taken.has(`${name}-${before.next}`)) before.next += 1;
    const free = `${name}-${before.next}`;
    taken.add(free);
    const message = `Another server named "${name}" stands at line ${before.line.number}; names must differ within a section.`;
    report.edit(line, (text) => text.replace(/^server \S+/, () => `server ${free}`), { severity: 'error', message });
  }
}

function serverChecks(section: ConfigSection, _version: string, report: Report): void {
  if (checksByDefault(section) || (section.defaults && checksByDefault(section.defaults))) return;
  const severity = has(section, 'option', 'httpchk') ? 'warning' : 'advice';
  for (const line of linesOf(section, 'server')) {
    if (checks(line)) continue;
    report.edit(line, (text) => `${text} check`, {
      severity,
      message: `Without "check", "${valueAt(line, 1)}" keeps getting requests while it is down.`,
    });
  }
}

const byDefault = new WeakMap<ConfigSection, boolean>();

/** Remembered, because many sections may inherit one long `defaults`. */
function checksByDefault(section: ConfigSection): boolean {
  const known = byDefault.get(section);
  if (known !== undefined) return known;
  const found = linesOf(section, 'default-server').some(checks);
  byDefault.set(section, found);
  return found;
}

function checks(line: ConfigLine): boolean {
  return line.words.some((word, at) => at > 0 && ['check', 'no-check', 'track', 'agent-check'].includes(word.value));
}

/** Rules that are ignored because the option that turns them on is absent. */
function orphanedChecks(section: ConfigSection, _version: string, report: Report): void {
  for (const [rules, option] of [
    ['http-check', 'httpchk'],
    ['tcp-check', 'tcp-check'],
  ] as const) {
    const [line] = linesOf(section, rules);
    if (!line || has(section, 'option', option)) continue;
    const message = `"${rules}" rules are ignored without "option ${option}".`;
    report.replace(line, [`option ${option}`, ...report.current(line)], { severity: 'warning', message });
  }
}

const HTTP_ONLY: readonly (readonly [option: string, instead: string | null])[] = [
  ['httplog', 'option tcplog'],
  ['forwardfor', null],
  ['originalto', null],
  ['httpclose', null],
  ['http-server-close', null],
  ['http-keep-alive', null],
];

function httpOnlyOptions(section: ConfigSection, _version: string, report: Report): void {
  if (modeOf(section) !== 'tcp') return;
  for (const [option, instead] of HTTP_ONLY) {
    for (const line of linesOf(section, 'option', option)) {
      const message = `"option ${option}" needs "mode http"; this section is in mode tcp${has(section, 'mode') ? '' : ' (the default)'}.`;
      if (report.isReplaced(line)) report.note(line, { severity: 'warning', message });
      else report.replace(line, instead ? [instead] : [], { severity: 'warning', message });
    }
  }
}

function logging(section: ConfigSection, _version: string, report: Report): void {
  if (!TAKES_CLIENTS.has(section.kind) || has(section, 'log')) return;
  for (const option of ['httplog', 'tcplog', 'httpslog']) {
    for (const line of linesOf(section, 'option', option)) {
      const message = `"option ${option}" is ignored: neither the section nor its defaults has a "log" line.`;
      report.note(line, { severity: 'warning', message });
    }
  }
}

function forwardedFor(section: ConfigSection, _version: string, report: Report): void {
  if (modeOf(section) !== 'http') return;
  const strips = section.lines.some((line) => /^http-request (del|set)-header x-forwarded/i.test(rest(line, 0)));
  for (const line of strips ? [] : linesOf(section, 'option', 'forwardfor')) {
    const message =
      'adds the address below any X-Forwarded-For that the client sent, so clients can pretend to be others. Unless a proxy that you trust stands in front, put "http-request del-header X-Forwarded-For" before it.';
    report.note(line, { severity: 'advice', message: `"option forwardfor" ${message}` });
  }
}

function balance(section: ConfigSection, version: string, report: Report): void {
  if (!HAS_SERVERS.has(section.kind) || !isAtLeast(version, '3.3') || has(section, 'balance')) return;
  if (linesOf(section, 'server').length < 2) return;
  const message =
    'Without "balance", 3.3 picks servers by "random" where earlier versions took "roundrobin". Say which.';
  report.add(section.header, ['    balance roundrobin'], { severity: 'advice', message, since: '3.3' });
}

function duplicateSections(document: ConfigDocument, version: string, report: Report): void {
  const seen = new Map<string, ConfigSection>();
  for (const section of document.sections) {
    if (!isProxy(section) || section.name === '' || section.kind === 'defaults') continue;
    const before = seen.get(section.name);
    if (!before) {
      seen.set(section.name, section);
      continue;
    }
    const sides = new Set([before.kind, section.kind]);
    const apart = sides.has('frontend') && sides.has('backend');
    if (apart && !isAtLeast(version, '3.1')) continue;
    const message = `"${section.name}" already names the ${before.kind} at line ${before.header.number}${apart ? '; since 3.1 HAProxy objects to names used twice' : ''}.`;
    report.note(section.header, { severity: apart ? 'warning' : 'error', message, since: apart ? '3.1' : null });
  }
}

/** Beyond this the nearest name is not looked for: it costs names × lines. */
const MAX_NAMES = 500;
const MAX_LOOKUPS = 100;

function missingBackends(document: ConfigDocument, report: Report): void {
  const names = new Set(document.sections.filter((s) => HAS_SERVERS.has(s.kind)).map((s) => s.name));
  let lookups = 0;
  for (const section of document.sections.filter(isProxy)) {
    for (const line of [...linesOf(section, 'default_backend'), ...linesOf(section, 'use_backend')]) {
      const name = valueAt(line, 1);
      if (name === '' || name.includes('%[') || names.has(name)) continue;
      lookups += 1;
      const near = lookups <= MAX_LOOKUPS && names.size <= MAX_NAMES && name.length <= 64 ? nearest(name, names) : null;
      const message = `There is no backend "${name}".${near ? ` Did you mean "${near}"?` : ''}`;
      report.note(line, { severity: 'error', message });
    }
  }
}
