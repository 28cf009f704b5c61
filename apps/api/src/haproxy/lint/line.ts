/** One argument of a line: as written, and what HAProxy makes of it (quotes and escapes resolved). */
export interface Word {
  readonly raw: string;
  readonly value: string;
}

export interface ConfigLine {
  /** From 1. */
  readonly number: number;
  readonly text: string;
  readonly indent: string;
  readonly words: readonly Word[];
  /** Trailing comment with its `#`, or empty. */
  readonly comment: string;
  /** A quote was opened and not closed. */
  readonly unclosed: boolean;
}

const SPACE = /[ \t]/;

/** Splits a line the way HAProxy does: blanks separate, `\` escapes, '' and "" quote, # starts a comment. Linear time. */
export function parseLine(text: string, number: number): ConfigLine {
  const words: Word[] = [];
  let at = 0;
  let unclosed = false;
  while (at < text.length) {
    while (at < text.length && SPACE.test(text.charAt(at))) at += 1;
    if (at >= text.length || text.charAt(at) === '#') break;
    const start = at;
    let value = '';
    let quote = '';
    while (at < text.length) {
      const char = text.charAt(at);
      if (quote === '' && (SPACE.test(char) || char === '#')) break;
      at += 1;
      if (quote === '' && (char === '"' || char === "'")) quote = char;
      else if (char === quote) quote = '';
      else if (char === '\\' && quote !== "'" && at < text.length) {
        value += escaped(text.charAt(at));
        at += 1;
      } else value += char;
    }
    unclosed ||= quote !== '';
    words.push({ raw: text.slice(start, at), value });
  }
  const indent = /^[ \t]*/.exec(text)?.[0] ?? '';
  return { number, text, indent, words, comment: text.slice(at), unclosed };
}

function escaped(char: string): string {
  return { n: '\n', r: '\r', t: '\t' }[char] ?? char;
}

/** The value of a word by position, or empty. */
export function valueAt(line: ConfigLine, position: number): string {
  return line.words[position]?.value ?? '';
}

/** Words from a position on, as written. */
export function rest(line: ConfigLine, from: number): string {
  return line.words
    .slice(from)
    .map((word) => word.raw)
    .join(' ');
}

/** `2.10` > `2.9`. */
export function isAtLeast(version: string, floor: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [floorMajor = 0, floorMinor = 0] = floor.split('.').map(Number);
  return major > floorMajor || (major === floorMajor && minor >= floorMinor);
}
