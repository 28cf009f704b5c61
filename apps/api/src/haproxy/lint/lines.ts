import type { HaproxyFinding } from '@quorate/shared/haproxy';
import { ARGUMENT_RULES, type ArgumentRule, FETCH_ALIASES } from './arguments';
import type { DirectiveRule } from './directive-rule';
import { DIRECTIVE_RULES, healthCheckComplaint } from './directives';
import { type ConfigSection, isProxy } from './document';
import { GLOBAL_KEYWORDS, HTTP_ACTIONS, HTTP_CHECKS, nearest, OPTIONS, PROXY_KEYWORDS, TIMEOUTS } from './keywords';
import { type ConfigLine, isAtLeast, valueAt } from './line';
import type { Report } from './report';

interface Lifetime {
  readonly introduced?: string;
  readonly deprecated?: string;
  readonly removed?: string;
  readonly severity?: HaproxyFinding['severity'];
}

interface Verdict {
  readonly severity: HaproxyFinding['severity'];
  readonly since: string | null;
  /** It concerns a later version only: worth saying, no reason to rewrite what works in this one. */
  readonly later: boolean;
}

/** What a version makes of something with this lifetime; null = nothing to say there. */
export function verdict(life: Lifetime, version: string): Verdict | null {
  if (life.introduced && !isAtLeast(version, life.introduced))
    return { severity: 'error', since: life.introduced, later: false };
  if (life.removed && isAtLeast(version, life.removed)) return { severity: 'error', since: life.removed, later: false };
  if (life.deprecated && isAtLeast(version, life.deprecated))
    return { severity: 'warning', since: life.deprecated, later: false };
  if (life.severity) return { severity: life.severity, since: life.removed ?? life.deprecated ?? null, later: false };
  const coming = life.deprecated ?? life.removed;
  return coming ? { severity: 'advice', since: coming, later: true } : null;
}

/** Checks one line of a section by the tables: the directive, its arguments, old fetch names, misspellings. */
export function checkLine(line: ConfigLine, section: ConfigSection, version: string, report: Report): void {
  if (line.unclosed) {
    report.note(line, { severity: 'error', message: 'A quote is opened and never closed.' });
    return;
  }
  if (section.kind !== 'global' && !isProxy(section)) return;
  const known = checkDirective(line, section, version, report);
  if (!known) checkSpelling(line, section, report);
  for (const rule of ARGUMENT_RULES) checkArgument(rule, line, version, report);
  checkFetches(line, report);
}

/** True when the table knows the directive. */
function checkDirective(line: ConfigLine, section: ConfigSection, version: string, report: Report): boolean {
  const negated = valueAt(line, 0) === 'no';
  const first = valueAt(line, negated ? 1 : 0);
  const second = valueAt(line, negated ? 2 : 1);
  const where = section.kind === 'global' ? 'global' : 'proxy';
  const rule = DIRECTIVE_RULES.get(`${where} ${first} ${second}`) ?? DIRECTIVE_RULES.get(`${where} ${first}`);
  if (!rule) return false;
  if (rule.directive === 'option httpchk' || rule.directive === 'http-check send') {
    checkHealth(line, report);
    return true;
  }
  const found = verdict(rule, version);
  // Switching off what is merely unwise is fine; switching off what is gone is still an error.
  if (!found || (negated && rule.severity !== undefined)) return true;
  applyRule(rule, line, negated, found, report);
  return true;
}

function applyRule(rule: DirectiveRule, line: ConfigLine, negated: boolean, found: Verdict, report: Report): void {
  const complaint = { ...found, message: sentence(`"${negated ? 'no ' : ''}${rule.directive}"`, rule.message) };
  const lines = negated ? [] : rule.replace?.(line);
  if (lines && !found.later) report.replace(line, lines, complaint);
  else report.note(line, complaint);
}

function sentence(subject: string, message: string): string {
  return /^[A-Z]/.test(message) ? message : `${subject} ${message}`;
}

function checkHealth(line: ConfigLine, report: Report): void {
  if (valueAt(line, 0) === 'no') return;
  const complaint = healthCheckComplaint(line);
  if (!complaint) return;
  const finding = {
    severity: 'warning' as const,
    message: sentence('The health check', complaint.message),
    since: '2.2',
  };
  if (complaint.lines) report.replace(line, complaint.lines, finding);
  else report.note(line, finding);
}

function checkArgument(rule: ArgumentRule, line: ConfigLine, version: string, report: Report): void {
  if (!rule.directives.includes(valueAt(line, 0))) return;
  const at = line.words.findIndex((word, index) => index > 1 && word.value === rule.argument);
  const found = at < 0 ? null : verdict(rule, version);
  if (!found) return;
  const complaint = { ...found, message: `${rule.message}.` };
  if (rule.instead === undefined || found.later) {
    report.note(line, complaint);
    return;
  }
  const old = line.words.slice(at, at + 1 + rule.values).map((word) => word.raw);
  const now = rule.instead ? [rule.instead, ...old.slice(1)] : [];
  report.edit(line, (text) => replaceWords(text, old, now), complaint);
}

function replaceWords(text: string, old: readonly string[], now: readonly string[]): string {
  return ` ${text} `.replace(` ${old.join(' ')} `, () => ` ${[...now, ''].join(' ')}`).trim();
}

const FETCH = /(?<![\w.])[a-z]+(?:_[a-z]+)+(?![\w.])/g;

function checkFetches(line: ConfigLine, report: Report): void {
  const old = new Set(line.words.slice(1).flatMap((word) => word.raw.match(FETCH) ?? []));
  for (const name of old) {
    const now = FETCH_ALIASES.get(name);
    if (now === undefined) continue;
    const message = `"${name}" is the old name of "${now}", which the manual calls deprecated.`;
    report.edit(line, (text) => text.replace(FETCH, (word) => (word === name ? now : word)), {
      severity: 'advice',
      message,
    });
  }
}

const SECOND_WORDS: ReadonlyMap<string, ReadonlySet<string>> = new Map([
  ['option', OPTIONS],
  ['timeout', TIMEOUTS],
  ['http-check', HTTP_CHECKS],
  ['http-request', HTTP_ACTIONS],
  ['http-response', HTTP_ACTIONS],
  ['http-after-response', HTTP_ACTIONS],
]);
/** Modules compiled in or loaded add global directives of their own under these prefixes. */
const OPEN_PREFIX = /^(tune|ssl|lua|quic|acme|jwt|wurfl|deviceatlas|51degrees|ocsp|httpclient)[.-]|^\./;

function checkSpelling(line: ConfigLine, section: ConfigSection, report: Report): void {
  const skip = valueAt(line, 0) === 'no' || valueAt(line, 0) === 'default' ? 1 : 0;
  const keyword = valueAt(line, skip);
  if (section.kind === 'global') {
    if (GLOBAL_KEYWORDS.has(keyword) || OPEN_PREFIX.test(keyword)) return;
    unknown(line, keyword, `in "global"`, keyword, GLOBAL_KEYWORDS, report);
    return;
  }
  if (keyword.startsWith('.')) return;
  if (!PROXY_KEYWORDS.has(keyword)) {
    unknown(line, keyword, `in a "${section.kind}" section`, keyword, PROXY_KEYWORDS, report);
    return;
  }
  const seconds = SECOND_WORDS.get(keyword);
  const second = valueAt(line, skip + 1);
  const bare = second.replace(/\(.*$/s, '');
  if (seconds && !seconds.has(bare)) {
    unknown(line, bare, `after "${keyword}"`, `${keyword} ${second}`, seconds, report, `${keyword} `);
  }
}

/** Nearest names cost time: only so many distinct words are looked up in one text. */
const MAX_LOOKUPS = 200;
const lookups = new WeakMap<Report, Map<string, string | null>>();

function unknown(
  line: ConfigLine,
  word: string,
  where: string,
  shown: string,
  known: ReadonlySet<string>,
  report: Report,
  prefix = '',
): void {
  const cache = lookups.get(report) ?? new Map<string, string | null>();
  lookups.set(report, cache);
  const key = `${prefix}${word}`;
  if (!cache.has(key)) cache.set(key, cache.size < MAX_LOOKUPS && word.length <= 64 ? nearest(word, known) : null);
  const near = cache.get(key);
  const hint = near ? ` Did you mean "${prefix}${near}"?` : '';
  const message = `HAProxy knows no "${shown.slice(0, 80)}" ${where}.${hint}`;
  report.note(line, { severity: 'error', message });
}
