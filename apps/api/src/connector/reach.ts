import type { Logger } from '../lib/logger';
import { pauseMs } from './timings';
import { probe, type Upstream } from './upstream';

/** Whether this node could connect, found out now and then while it stands by. */
export interface Reach {
  readonly ok: boolean | null;
  readonly agoMs: number | null;
  readonly problem: string;
  /** It was found out within `ms` that the upstream is reached. */
  freshly(ms: number): boolean;
  /** Asks when it is time. `trouble`: the active node has no connection, so it matters now. */
  keepFresh(takesPart: boolean, trouble: boolean): void;
  /** Trouble began or ended. */
  trouble(now: boolean): void;
  /** Something changed on this side: what was found out before counts no more. */
  again(): void;
  stop(): void;
}

/** While all is well. */
const EVERY_MS = 10_000;
/** While nobody is connected and this node reaches the upstream. */
const TROUBLED_MS = 1_000;

export function createReach(options: { upstream: () => Upstream | undefined; logger: Logger }): Reach {
  let ok: boolean | null = null;
  let problem = '';
  let atMs: number | undefined;
  let nextMs = 0;
  let failures = 0;
  let running = false;
  let stopped = false;
  let troubled = false;
  /** URL and CA that the result is about. */
  let about = '';

  function begins(now: boolean): void {
    if (now && !troubled) {
      failures = 0;
      nextMs = 0;
    }
    troubled = now;
  }

  async function ask(upstream: Upstream): Promise<void> {
    running = true;
    const failure = await probe(upstream).catch((error: unknown) => String(error));
    running = false;
    if (stopped) return;
    ok = failure === '';
    atMs = performance.now();
    failures = ok ? 0 : failures + 1;
    if (failure !== problem && failure !== '') {
      options.logger.warn({ why: failure }, 'this node cannot reach the upstream');
    }
    problem = failure;
    const pause = ok ? (troubled ? TROUBLED_MS : EVERY_MS) * (0.8 + 0.4 * Math.random()) : pauseMs(failures);
    nextMs = performance.now() + pause;
  }

  return {
    get ok() {
      return ok;
    },
    get agoMs() {
      return atMs === undefined ? null : performance.now() - atMs;
    },
    get problem() {
      return problem;
    },
    freshly: (ms) => ok === true && atMs !== undefined && performance.now() - atMs < ms,
    keepFresh(takesPart, trouble) {
      begins(trouble);
      const upstream = options.upstream();
      if (!takesPart || !upstream) {
        ok = null;
        atMs = undefined;
        problem = '';
        nextMs = 0;
        return;
      }
      const now = `${upstream.url} ${upstream.caCert}`;
      if (now !== about) nextMs = 0;
      if (running || performance.now() < nextMs) return;
      about = now;
      void ask(upstream);
    },
    trouble: begins,
    again() {
      ok = null;
      atMs = undefined;
      nextMs = 0;
      failures = 0;
    },
    stop() {
      stopped = true;
    },
  };
}
