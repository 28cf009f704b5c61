import type { TakeoverReason } from '@quorate/shared/connector';
import {
  CONNECTOR_PROTOCOL,
  type EventPlace,
  type FromGateway,
  type GatewayNode,
  type UpstreamRequest,
} from '@quorate/shared/connector-protocol';
import type { EventBus } from '../events/bus';
import type { EventLog } from '../events/event-log';
import { deferred, delay } from '../lib/async';
import type { Logger } from '../lib/logger';
import { type EventFeed, startEventFeed } from './event-feed';
import { type Link, type LinkEnd, openLink } from './link';
import { type ApiFetch, createRequestServer } from './requests';
import { GOOD_AFTER_MS, PROOF_MARGIN_MS, PROOF_MS, PROVE_EVERY_MS, PROVE_RETRY_MS, pauseMs } from './timings';
import { describeFailure, dial, publicTarget, type Upstream } from './upstream';

/** The time in which this process holds the lease in one generation: it proves that it does, and keeps the connection. */
export interface Tenure {
  readonly generation: number;
  /** The generation, as long as it is proved that this node holds it. */
  readonly proven: number | null;
  readonly connected: boolean;
  /** Its predecessor is out for certain. */
  readonly settled: boolean;
  /** Since when there is no connection though there could be one, on the clock of `performance.now()`; null = there is. */
  readonly lostSinceMs: number | null;
  /** An attempt that began after that has failed. */
  readonly triedSince: boolean;
  /** Events that the upstream was not sent yet; null without a connection. */
  readonly lag: number | null;
  /** Why there is no connection; empty while there is one. */
  readonly problem: string;
  /** What it is connected to, or tries to be; undefined before the first attempt. */
  readonly target: Upstream | undefined;
  /** Tries now instead of after the pause. */
  retry(): void;
  /** Closes the connection and opens another one, with what holds now. */
  reconnect(reason: string): Promise<void>;
  /** Ends it. The connection is closed when this resolves. */
  end(reason: string, graceMs: number): Promise<void>;
}

export interface TenureDeps {
  readonly generation: number;
  readonly settled: boolean;
  readonly reason: TakeoverReason;
  readonly node: { readonly id: number; readonly name: string };
  readonly version: string;
  readonly cluster: () => { readonly id: string; readonly name: string };
  /** Undefined while it cannot be dialled: no usable certificate. */
  readonly upstream: () => Upstream | undefined;
  /** Resolves when this node has applied all that the quorum had when it was called. @throws without a quorum */
  readonly barrier: () => Promise<unknown>;
  /** By the state as it is applied here: this process holds the lease in this generation. */
  readonly holds: () => boolean;
  readonly nodes: () => GatewayNode[];
  readonly fetch: ApiFetch;
  readonly eventLog: EventLog;
  readonly bus: EventBus;
  readonly logger: Logger;
  /** The upstream has welcomed this node. */
  readonly onConnected: () => void;
  readonly onLost: (why: string) => void;
  readonly onEventsSent: (count: number) => void;
}

/** Requests of the upstream that are being answered get this long when the connection is closed on purpose. */
const SETTLE_MS = 250;

export function startTenure(deps: TenureDeps): Tenure {
  const { generation, logger } = deps;
  const over = new AbortController();
  over.signal.addEventListener('abort', () => wake.abort(), { once: true });
  const startedMs = performance.now();
  /** Whoever held the lease before has stopped by then, by its own clock. */
  const fromMs = deps.settled ? startedMs : startedMs + PROOF_MS + PROOF_MARGIN_MS;
  let provenUntilMs = Number.NEGATIVE_INFINITY;
  let wake = new AbortController();
  let link: Link | undefined;
  let feed: EventFeed | undefined;
  let target: Upstream | undefined;
  let everConnected = false;
  let lostSinceMs: number | null = fromMs;
  let triedSince = false;
  let ending = false;
  let failures = 0;
  let problem = 'not connected yet';
  const requests = createRequestServer(deps.fetch);

  /** The one question before anything goes out or is taken in. */
  const mayAct = (): boolean => !over.signal.aborted && performance.now() < provenUntilMs && deps.holds();

  async function prove(): Promise<boolean> {
    const askedMs = performance.now();
    try {
      await deps.barrier();
      // Counted from before the question: whoever claimed later than that waits for the proof time from its claim on.
      if (deps.holds()) provenUntilMs = askedMs + PROOF_MS;
      return true;
    } catch (error) {
      logger.debug({ err: error, generation }, 'the lease of the upstream connection could not be proved now');
      return false;
    }
  }

  async function keepProving(): Promise<void> {
    while (!over.signal.aborted) await delay((await prove()) ? PROVE_EVERY_MS : PROVE_RETRY_MS, over.signal);
  }

  /** Ends the connection by this node's own clock when the proof has run out: others may be at it from then on. */
  const guard = setInterval(() => {
    if (link && !mayAct()) link.cut('this node could not prove any more that it is the active one');
  }, 50);

  async function keepConnected(): Promise<void> {
    while (!over.signal.aborted && !ending) {
      const now = performance.now();
      const upstream = deps.upstream();
      if (now < fromMs || !mayAct() || !upstream) {
        await delay(now < fromMs ? Math.min(fromMs - now + 1, 200) : 50, over.signal);
        continue;
      }
      const connectedMs = await connectOnce(upstream);
      if (over.signal.aborted || ending) return;
      failures = connectedMs > GOOD_AFTER_MS ? 0 : failures + 1;
      wake = new AbortController();
      await delay(pauseMs(failures), wake.signal);
    }
  }

  /** One connection until its end. Gives for how long it was there, ms; 0 = it never was. */
  async function connectOnce(upstream: Upstream): Promise<number> {
    const { promise, resolve } = deferred<LinkEnd>();
    const began = performance.now();
    target = upstream;
    let welcomedMs = 0;
    try {
      link = openLink({
        socket: dial(upstream),
        hello: hello(),
        mayAct,
        onWelcome(last) {
          welcomedMs = performance.now();
          welcomed(last);
        },
        onRequest: (request) => void serve(request),
        onBeat: beat,
        onEnd: resolve,
      });
    } catch (error) {
      resolve({ why: describeFailure(error), fencedBy: 0 });
    }
    const { why } = await promise;
    feed?.stop();
    feed = undefined;
    link = undefined;
    lost(why, welcomedMs > 0, began, publicTarget(upstream));
    return welcomedMs > 0 ? performance.now() - welcomedMs : 0;
  }

  function lost(why: string, wasConnected: boolean, began: number, url: string): void {
    if (ending) return;
    if (wasConnected) {
      lostSinceMs = performance.now();
      triedSince = false;
      deps.onLost(why);
    } else if (lostSinceMs !== null && began >= lostSinceMs) {
      triedSince = true;
    }
    // The same failure again and again is worth one line.
    if (why !== problem && !over.signal.aborted) logger.warn({ url, generation, why }, 'no connection to the upstream');
    problem = why;
  }

  const hello = (): FromGateway => ({
    type: 'hello',
    protocol: CONNECTOR_PROTOCOL,
    cluster: deps.cluster(),
    generation,
    node: deps.node,
    reason: deps.reason,
    version: deps.version,
  });

  let toldNodes = '';
  function welcomed(last: EventPlace | null): void {
    everConnected = true;
    lostSinceMs = null;
    problem = '';
    toldNodes = '';
    deps.onConnected();
    const current = link;
    if (!current) return;
    beat();
    const { eventLog: log, bus } = deps;
    feed = startEventFeed({
      log,
      bus,
      last,
      send: current.send,
      unsentBytes: current.unsentBytes,
      onSent: deps.onEventsSent,
    });
    feed.pump();
  }

  function beat(): void {
    const nodes = deps.nodes();
    const text = JSON.stringify(nodes);
    if (text !== toldNodes) link?.send({ type: 'nodes', nodes });
    toldNodes = text;
    feed?.pump();
  }

  async function serve(request: UpstreamRequest): Promise<void> {
    const asking = link;
    const answer = await requests.answer(request);
    asking?.send(answer);
  }

  void keepProving();
  void keepConnected();
  return {
    generation,
    get proven() {
      return performance.now() < provenUntilMs && deps.holds() ? generation : null;
    },
    get connected() {
      return link?.connected === true;
    },
    get settled() {
      return everConnected || performance.now() >= fromMs;
    },
    get lostSinceMs() {
      return lostSinceMs;
    },
    get triedSince() {
      return triedSince;
    },
    get lag() {
      return feed?.lag ?? null;
    },
    get problem() {
      return problem;
    },
    get target() {
      return target;
    },
    retry: () => wake.abort(),
    async reconnect(reason) {
      failures = -1;
      await link?.close(reason, SETTLE_MS);
    },
    async end(reason, graceMs) {
      ending = true;
      if (link?.connected && mayAct()) await requests.settle(Math.min(SETTLE_MS, graceMs));
      await link?.close(reason, graceMs);
      over.abort();
      clearInterval(guard);
    },
  };
}
