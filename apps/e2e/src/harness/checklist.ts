export interface CheckResult {
  readonly what: string;
  readonly ok: boolean;
  readonly ms: number;
  readonly detail: string;
}

/** Assertions that are all carried out and shown as a table, instead of stopping at the first that fails. */
export class Checklist {
  readonly results: CheckResult[] = [];

  constructor(private readonly print: (line: string) => void) {}

  get allHeld(): boolean {
    return this.results.length > 0 && this.results.every((result) => result.ok);
  }

  /** Runs one assertion: it holds unless it throws; what it returns is shown beside it. True when it held. */
  async check(what: string, assertion: () => Promise<string | undefined>): Promise<boolean> {
    this.print(`  ${what} …`);
    const started = performance.now();
    try {
      const detail = (await assertion()) ?? '';
      this.results.push({ what, ok: true, ms: performance.now() - started, detail });
      return true;
    } catch (error) {
      const detail = error instanceof Error ? error.message : String(error);
      this.results.push({ what, ok: false, ms: performance.now() - started, detail });
      this.print(`  FAILED: ${detail}`);
      return false;
    }
  }

  table(): string {
    const width = Math.max(...this.results.map((result) => result.what.length));
    const rows = this.results.map(({ what, ok, ms, detail }) => {
      const seconds = `${(ms / 1000).toFixed(1)} s`.padStart(8);
      return `${ok ? 'held  ' : 'FAILED'}  ${what.padEnd(width)}  ${seconds}  ${detail.split('\n')[0]}`.trimEnd();
    });
    const held = this.results.filter((result) => result.ok).length;
    return [...rows, '', `${held} held, ${this.results.length - held} failed`].join('\n');
  }
}

/** @throws Error with `message` unless `condition` */
export function ensure(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(message);
}
