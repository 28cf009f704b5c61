/** One number that the product promises, and how to measure it. */
export interface Figure {
  readonly name: string;
  readonly unit: 'ratio' | 'commands/s' | 's' | 'ms' | 'MB' | 'MB/s' | 'jobs/s' | '%';
  readonly bound: { readonly at: 'most' | 'least'; readonly value: number };
  /** What is compared with what, in one sentence. */
  readonly why: string;
  /** @throws Unmeasurable when something that it needs is missing */
  measure(): Promise<number>;
}

/** The figure could not be taken here; the message says what is missing and the cure. */
export class Unmeasurable extends Error {
  override readonly name = 'Unmeasurable';
}

export const holds = ({ bound }: Figure, value: number): boolean =>
  bound.at === 'most' ? value <= bound.value : value >= bound.value;

export const boundText = ({ bound }: Figure): string => `${bound.at === 'most' ? '≤' : '≥'} ${bound.value}`;

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2;
}

/**
 * Median of `ours / theirs` over pairs taken right after each other (A B, B A, …), so that a busy machine slows both
 * sides of a ratio alike. The first pair warms up and is not counted.
 */
export async function pairedRatio(
  pairs: number,
  ours: () => Promise<number>,
  theirs: () => Promise<number>,
): Promise<number> {
  const ratios: number[] = [];
  for (let n = 0; n <= pairs; n += 1) {
    const first = n % 2 === 0 ? await ours() : await theirs();
    const second = n % 2 === 0 ? await theirs() : await ours();
    const [mine, reference] = n % 2 === 0 ? [first, second] : [second, first];
    if (n > 0) ratios.push(mine / reference);
    note(`  pair ${n}: ${mine.toPrecision(4)} against ${reference.toPrecision(4)}`);
  }
  return median(ratios);
}

/** Details for people, on stderr; stdout carries the figures alone. */
export function note(text: string): void {
  if (process.env['QUORATE_BENCH_VERBOSE']) process.stderr.write(`${text}\n`);
}

export const secondsOf = async (run: () => Promise<unknown>): Promise<number> => {
  const startedAt = performance.now();
  await run();
  return (performance.now() - startedAt) / 1000;
};

/** Runs `one` `count` times with `concurrency` at a time. */
export async function concurrently(
  count: number,
  concurrency: number,
  one: (n: number) => Promise<unknown>,
): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) {
      const n = next;
      next += 1;
      await one(n);
    }
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, count) }, worker));
}
