import { SECTIONS } from './keywords';
import { type ConfigLine, parseLine, valueAt } from './line';

export interface ConfigSection {
  /** Keyword of the section: `global`, `defaults`, `listen` … */
  readonly kind: string;
  readonly name: string;
  readonly header: ConfigLine;
  /** Directives only: blank and comment lines are left out. */
  readonly lines: readonly ConfigLine[];
  /** The `defaults` that a proxy inherits: named by `from`, else the last one before it. */
  readonly defaults: ConfigSection | null;
}

export interface ConfigDocument {
  readonly lines: readonly ConfigLine[];
  readonly sections: readonly ConfigSection[];
  /** Directives before the first section. */
  readonly orphans: readonly ConfigLine[];
}

const PROXY_KINDS: ReadonlySet<string> = new Set(['defaults', 'frontend', 'backend', 'listen']);

export function isProxy(section: ConfigSection): boolean {
  return PROXY_KINDS.has(section.kind);
}

/** Lines to sections. A word at the margin that could be a mistyped section starts a section of its own. */
export function parseDocument(text: string): ConfigDocument {
  const lines = text.split('\n').map((line, index) => parseLine(line, index + 1));
  const sections: (ConfigSection & { lines: ConfigLine[] })[] = [];
  const orphans: ConfigLine[] = [];
  let lastDefaults: ConfigSection | null = null;
  for (const line of lines) {
    const keyword = valueAt(line, 0);
    if (keyword === '') continue;
    if (SECTIONS.has(keyword)) {
      const section: ConfigSection & { lines: ConfigLine[] } = {
        kind: keyword,
        name: valueAt(line, 1),
        header: line,
        lines: [],
        defaults: inherited(line, sections, lastDefaults),
      };
      sections.push(section);
      if (keyword === 'defaults') lastDefaults = section;
      continue;
    }
    const current = sections.at(-1);
    if (current) current.lines.push(line);
    else orphans.push(line);
  }
  return { lines, sections, orphans };
}

function inherited(
  line: ConfigLine,
  sections: readonly ConfigSection[],
  last: ConfigSection | null,
): ConfigSection | null {
  if (!PROXY_KINDS.has(valueAt(line, 0))) return null;
  const from = line.words.findIndex((word, index) => index > 0 && word.value === 'from');
  const named =
    from > 0 ? sections.find((s) => s.kind === 'defaults' && s.name === valueAt(line, from + 1)) : undefined;
  if (named) return named;
  return valueAt(line, 0) === 'defaults' ? null : last;
}

/** Lines of a section that begin with these words; a leading `no` does not count. */
export function linesOf(section: ConfigSection | null, ...words: string[]): ConfigLine[] {
  return section?.lines.filter((line) => words.every((word, at) => valueAt(line, at) === word)) ?? [];
}

/** Does the section, or the defaults it inherits, have such a line? */
export function has(section: ConfigSection, ...words: string[]): boolean {
  for (let at: ConfigSection | null = section; at; at = at.defaults) {
    if (linesOf(at, ...words).length > 0) return true;
  }
  return false;
}

/** `http` or `tcp`; HAProxy's own default is tcp. */
export function modeOf(section: ConfigSection): string {
  for (let at: ConfigSection | null = section; at; at = at.defaults) {
    const line = linesOf(at, 'mode').at(-1);
    if (line) return valueAt(line, 1);
  }
  return 'tcp';
}
