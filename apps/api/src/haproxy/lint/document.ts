import { SECTIONS } from './keywords';
import { type ConfigLine, parseLine, valueAt } from './line';

export interface ConfigSection {
  /** Keyword of the section: `global`, `defaults`, `listen` … */
  readonly kind: string;
  readonly name: string;
  readonly header: ConfigLine;
  /** Directives only: blank and comment lines are left out. */
  readonly lines: readonly ConfigLine[];
  /** Lines by their first word, and by their first two. */
  readonly index: ReadonlyMap<string, readonly ConfigLine[]>;
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

class Section implements ConfigSection {
  readonly lines: ConfigLine[] = [];
  readonly index = new Map<string, ConfigLine[]>();

  constructor(
    readonly kind: string,
    readonly name: string,
    readonly header: ConfigLine,
    readonly defaults: ConfigSection | null,
  ) {}

  add(line: ConfigLine): void {
    this.lines.push(line);
    // A line with an open quote is reported as such; what it would mean is anyone's guess.
    if (line.unclosed) return;
    this.#file(valueAt(line, 0), line);
    if (line.words.length > 1) this.#file(`${valueAt(line, 0)} ${valueAt(line, 1)}`, line);
  }

  #file(key: string, line: ConfigLine): void {
    const filed = this.index.get(key);
    if (filed) filed.push(line);
    else this.index.set(key, [line]);
  }
}

/** Lines to sections: a section keyword starts one, whatever its indentation. */
export function parseDocument(text: string): ConfigDocument {
  const lines = text.split('\n').map((line, index) => parseLine(line, index + 1));
  const sections: Section[] = [];
  const orphans: ConfigLine[] = [];
  const named = new Map<string, ConfigSection>();
  let lastDefaults: ConfigSection | null = null;
  for (const line of lines) {
    const keyword = valueAt(line, 0);
    if (keyword === '') continue;
    if (SECTIONS.has(keyword)) {
      const from = line.words.findIndex((word, index) => index > 0 && word.value === 'from');
      const chosen: ConfigSection | undefined = from > 0 ? named.get(valueAt(line, from + 1)) : undefined;
      const inherited: ConfigSection | null = chosen ?? (keyword === 'defaults' ? null : lastDefaults);
      const section: Section = new Section(
        keyword,
        valueAt(line, 1),
        line,
        PROXY_KINDS.has(keyword) ? inherited : null,
      );
      sections.push(section);
      if (keyword === 'defaults') {
        lastDefaults = section;
        if (section.name) named.set(section.name, section);
      }
      continue;
    }
    const current = sections.at(-1);
    if (current) current.add(line);
    else orphans.push(line);
  }
  return { lines, sections, orphans };
}

/** Lines of a section that begin with these one or two words. */
export function linesOf(section: ConfigSection | null, first: string, second?: string): readonly ConfigLine[] {
  return section?.index.get(second === undefined ? first : `${first} ${second}`) ?? [];
}

/** Does the section, or the defaults it inherits, have such a line? */
export function has(section: ConfigSection, first: string, second?: string): boolean {
  for (let at: ConfigSection | null = section; at; at = at.defaults) {
    if (linesOf(at, first, second).length > 0) return true;
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
