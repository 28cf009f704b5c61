import type { HaproxyFinding, HaproxyVersion } from '@quorate/shared/haproxy';
import { parseDocument } from './lint/document';
import { type ConfigLine, parseLine } from './lint/line';
import { checkLine } from './lint/lines';
import { Report } from './lint/report';
import { checkStructure } from './lint/structure';

export interface CheckResult {
  readonly version: HaproxyVersion;
  /** No finding is an error. */
  readonly ok: boolean;
  /** By line; at most `MAX_FINDINGS` and one that says how many were left out. */
  readonly findings: HaproxyFinding[];
  /** The text with every mechanical replacement made; always ends with a line feed. */
  readonly rewritten: string;
}

/**
 * Explains a configuration line by line for one HAProxy version: what was removed, deprecated, is unknown, or does not
 * do what it seems to; and what to write instead. Works on the text alone: addresses and files are not looked at,
 * so `haproxy -c` on the load balancer has the last word. Time grows with the length of the text.
 */
export function checkConfig(text: string, version: HaproxyVersion): CheckResult {
  const report = new Report();
  const clean = text
    .replace(/^\uFEFF/, '')
    .replace(/\r\n?/g, '\n')
    .replace(PASTED, substitute);
  pasteDamage(text, report);
  const document = parseDocument(clean);
  for (const section of document.sections) {
    for (const line of section.lines) checkLine(line, section, version, report);
  }
  checkStructure(document, version, report);
  const findings = report.findings();
  return {
    version,
    ok: findings.every((finding) => finding.severity !== 'error'),
    findings,
    rewritten: report.rewritten(document.lines),
  };
}

/** What word processors and web pages make of blanks and quotes. */
const PASTED = /[\u00A0\u2007\u202F\u200B\u2018\u2019\u201C\u201D]/g;

function substitute(char: string): string {
  if (char === '\u200B') return '';
  if (char === '\u2018' || char === '\u2019') return "'";
  return char === '\u201C' || char === '\u201D' ? '"' : ' ';
}

function pasteDamage(text: string, report: Report): void {
  const lines = text.split('\n');
  const damaged = lines.findIndex((line) => line.search(PASTED) >= 0);
  if (damaged >= 0) {
    report.note(lineAt(lines, damaged), {
      severity: 'error',
      message:
        'Holds typographic quotes or non-breaking blanks, as pasting from a web page leaves them; HAProxy takes them for letters. The rewritten text has plain ones, here and on later lines.',
    });
  }
  const crlf = lines.findIndex((line) => line.endsWith('\r'));
  if (crlf >= 0) {
    report.note(lineAt(lines, crlf), {
      severity: 'advice',
      message: 'The lines end with CR LF, as Windows writes them. HAProxy reads them; the rewritten text has LF.',
    });
  }
}

function lineAt(lines: readonly string[], index: number): ConfigLine {
  return parseLine((lines[index] ?? '').replace(/\r$/, ''), index + 1);
}
