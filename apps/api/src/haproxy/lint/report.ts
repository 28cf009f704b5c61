import type { HaproxyFinding } from '@quorate/shared/haproxy';
import type { ConfigLine } from './line';

/** More than this helps nobody; the last finding then says that there are more. */
export const MAX_FINDINGS = 500;

interface Entry {
  readonly line: ConfigLine;
  readonly severity: HaproxyFinding['severity'];
  readonly message: string;
  readonly since: string | null;
  readonly rewrites: boolean;
}

export interface Complaint {
  readonly severity: HaproxyFinding['severity'];
  readonly message: string;
  readonly since?: string | null;
}

/** Collects findings and the edits that cure them; several edits of one line build on each other. */
export class Report {
  readonly #entries: Entry[] = [];
  /** Lines (without indentation) that stand in place of the original; absent = unchanged. */
  readonly #replaced = new Map<number, readonly string[]>();
  /** Lines to add after the original. */
  readonly #added = new Map<number, string[]>();

  /** A finding without a mechanical cure. */
  note(line: ConfigLine, complaint: Complaint): void {
    this.#push(line, complaint, false);
  }

  /** A finding whose cure is to write `lines` instead. */
  replace(line: ConfigLine, lines: readonly string[], complaint: Complaint): void {
    this.#replaced.set(line.number, lines);
    this.#push(line, complaint, true);
  }

  /** A finding whose cure changes words of what stands there now (after earlier edits). */
  edit(line: ConfigLine, change: (current: string) => string, complaint: Complaint): void {
    // A line that ends in the middle of an escape would swallow what is written behind it.
    if (this.current(line).some((text) => /(?<!\\)(?:\\\\)*\\$/.test(text))) {
      this.note(line, complaint);
    } else {
      this.#replaced.set(line.number, this.current(line).map(change));
      this.#push(line, complaint, true);
    }
  }

  /** A finding whose cure is to add lines below. */
  add(line: ConfigLine, lines: readonly string[], complaint: Complaint): void {
    this.#added.set(line.number, [...(this.#added.get(line.number) ?? []), ...lines]);
    this.#push(line, complaint, true);
  }

  current(line: ConfigLine): readonly string[] {
    return this.#replaced.get(line.number) ?? [line.words.map((word) => word.raw).join(' ')];
  }

  isReplaced(line: ConfigLine): boolean {
    return this.#replaced.has(line.number);
  }

  findings(): HaproxyFinding[] {
    const kept = this.#entries.slice(0, MAX_FINDINGS).sort((a, b) => a.line.number - b.line.number);
    const findings = kept.map(({ line, severity, message, since, rewrites }) => ({
      line: line.number,
      text: line.text.trim().slice(0, 512),
      severity,
      message,
      since,
      replacement: rewrites ? this.#written(line, '').join('\n') : null,
    }));
    const last = kept.at(-1);
    if (last && this.#entries.length > MAX_FINDINGS) {
      const more = this.#entries.length - MAX_FINDINGS;
      const message = `${more} further findings are left out; cure these first.`;
      findings.push({ line: last.line.number, text: '', severity: 'warning', message, since: null, replacement: null });
    }
    return findings;
  }

  /** The text with every cure applied; comments of dropped lines go with them. */
  rewritten(lines: readonly ConfigLine[]): string {
    const out = lines.flatMap((line) => {
      const touched = this.#replaced.has(line.number) || this.#added.has(line.number);
      return touched ? this.#written(line, line.indent) : [line.text];
    });
    return `${out.join('\n').replace(/\n+$/, '')}\n`;
  }

  #written(line: ConfigLine, indent: string): string[] {
    const body = this.#replaced.get(line.number);
    const comment = line.comment ? ` ${line.comment}` : '';
    const kept = body
      ? body.map((text, at) => `${indent}${text}${at === 0 ? comment : ''}`)
      : [indent === line.indent ? line.text : line.text.trim()];
    return [...kept, ...(this.#added.get(line.number) ?? [])];
  }

  #push(line: ConfigLine, complaint: Complaint, rewrites: boolean): void {
    const { severity, message, since = null } = complaint;
    this.#entries.push({ line, severity, message, since, rewrites });
  }
}
