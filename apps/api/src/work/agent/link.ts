import {
  type AssignedWork,
  type FromCore,
  type FromRunner,
  fromCoreSchema,
  type JobReport,
  type MetricsBatch,
  type OutputChunk,
  type OutputRange,
  type ReplicaReport,
  RUNNER_SESSION_PATH,
} from '@quorate/shared/runner-protocol';
import type { Labels } from '@quorate/shared/runners';
import { type ClientOptions, WebSocket } from 'ws';
import type { Logger } from '../../lib/logger';

/** PEM: the CAs by which core nodes are known, and the one that signs certificates now. */
export interface Trust {
  readonly ca: string;
  readonly issuer: string;
}

/** What a runner is by its options. */
export interface RunnerSelf {
  readonly labels: Labels;
  readonly capacity: number;
  readonly version: string;
}

export interface LinkOptions {
  /** `host:port` of the core's cluster listener. */
  readonly address: string;
  readonly tls: () => ClientOptions;
  /** What a heartbeat says. */
  readonly sample: () => { cpu_percent: number; memory_percent: number; problem?: string };
  readonly onWork: (work: AssignedWork) => void;
  readonly onCores: (addresses: readonly string[]) => void;
  readonly onTrust: (trust: Trust) => void;
  /** The core has welcomed this runner: what is to be sent can be. */
  readonly onOpen: (link: Link) => void;
  /** A heartbeat that was sent at this time (performance.now()) renewed the lease. */
  readonly onRenewed: (sentAt: number) => void;
  readonly output: (range: OutputRange) => Promise<OutputChunk | undefined>;
  readonly logger: Logger;
}

/** Why a connection ended: `removed`: the cluster does not know this runner any more; `left`: the core stops. */
export type LinkEnd = 'removed' | 'left' | 'closed' | 'never_open';

/** One connection to one core node; it is not opened again once it has ended. */
export interface Link {
  /** The core has welcomed this runner, and the connection has not ended. */
  readonly isOpen: boolean;
  /** Node id of the core; 0 before it has said so. */
  readonly core: number;
  /** The latest stamp of the core, and when it came (performance.now()). */
  readonly stamp: { readonly value: number; readonly receivedAt: number };
  /** @throws when the core could not take it, or the connection ended before it said so; so do the others */
  report(reports: readonly JobReport[]): Promise<void>;
  reportReplicas(reports: readonly ReplicaReport[]): Promise<void>;
  /** Says what this runner is by its present options. */
  hello(own: RunnerSelf): Promise<void>;
  sendMetrics(batch: MetricsBatch, doNotPropagate: boolean, stamp: number): Promise<void>;
  /** @returns the certificate, PEM */
  renew(csr: string): Promise<string>;
  readonly ended: Promise<LinkEnd>;
  close(): void;
}

const HANDSHAKE_MS = 5_000;
/** A core that let this runner in and does not welcome it has stopped, or is behind a cut. */
const WELCOME_MS = 10_000;
/** Frames that the core has not taken yet, in bytes: more than the output that all its readers can ask for at once. */
const MAX_BUFFERED = 32 * 1024 * 1024;
const ACK_MS = 5_000;
const MAX_FRAME_BYTES = 16 * 1024 * 1024;
/** Heartbeats without an answer before the connection counts as dead. */
const MAX_UNANSWERED = 5;
/** What a core closes with: WebSocket's own "going away", and this runner was removed. */
const GOING_AWAY = 1001;
const REMOVED = 4403;

type Numbered = Extract<FromRunner, { n: number }>;
type WithoutN<T> = T extends { n: number } ? Omit<T, 'n'> : never;

export function openLink(options: LinkOptions): Link {
  const { address, logger } = options;
  const socket = new WebSocket(`wss://${address}${RUNNER_SESSION_PATH}`, {
    ...options.tls(),
    handshakeTimeout: HANDSHAKE_MS,
    maxPayload: MAX_FRAME_BYTES,
    perMessageDeflate: false,
  });
  const waiting = new Map<number, { resolve: (text: string) => void; reject: (error: Error) => void }>();
  const heartbeats = new Map<number, number>();
  let n = 0;
  let timer: NodeJS.Timeout | undefined;
  let removed = false;
  let core = 0;
  let stamp = { value: 0, receivedAt: Number.NEGATIVE_INFINITY };

  const send = (frame: FromRunner): void => {
    if (socket.bufferedAmount > MAX_BUFFERED) socket.terminate();
    else socket.send(JSON.stringify(frame));
  };
  const unwelcome = setTimeout(() => socket.terminate(), HANDSHAKE_MS + WELCOME_MS);
  const note = (value: number): void => {
    stamp = { value, receivedAt: performance.now() };
  };
  function beat(): void {
    if (heartbeats.size >= MAX_UNANSWERED) {
      socket.terminate();
      return;
    }
    n += 1;
    heartbeats.set(n, performance.now());
    send({ type: 'heartbeat', n, ...options.sample() });
  }
  function welcome(frame: Extract<FromCore, { type: 'welcome' }>): void {
    core = frame.node_id;
    note(frame.stamp);
    clearTimeout(unwelcome);
    beat();
    clearInterval(timer);
    timer = setInterval(beat, frame.heartbeat_ms);
    logger.info({ node: core, address }, 'connected to a core node');
    options.onOpen(link);
  }
  function take(frame: FromCore): void {
    if (frame.type === 'welcome') welcome(frame);
    else if (frame.type === 'work') options.onWork(frame.work);
    else if (frame.type === 'cores') options.onCores(frame.addresses);
    else if (frame.type === 'trust') options.onTrust(frame);
    else if (frame.type === 'output') void answerOutput(frame.n, frame.range);
    else settle(frame);
  }
  async function answerOutput(asked: number, range: OutputRange): Promise<void> {
    const chunk = await options.output(range).catch(() => undefined);
    if (socket.readyState === WebSocket.OPEN) send({ type: 'output', n: asked, chunk: chunk ?? null });
  }
  function settle(frame: Extract<FromCore, { type: 'ack' | 'nack' | 'certificate' }>): void {
    const sentAt = heartbeats.get(frame.n);
    heartbeats.delete(frame.n);
    if (frame.type === 'ack') {
      note(frame.stamp);
      if (frame.renewed && sentAt !== undefined) options.onRenewed(sentAt);
    }
    const waiter = waiting.get(frame.n);
    waiting.delete(frame.n);
    if (frame.type === 'nack') waiter?.reject(new Error(frame.detail));
    else waiter?.resolve(frame.type === 'certificate' ? frame.certificate : '');
  }
  /** Sends what is to be acknowledged. @returns the text that came back with it */
  async function request(frame: WithoutN<Numbered>): Promise<string> {
    if (!link.isOpen) throw new Error(`there is no connection to ${address}`);
    n += 1;
    const id = n;
    const acked = new Promise<string>((resolve, reject) => waiting.set(id, { resolve, reject }));
    const cut = setTimeout(() => {
      waiting.get(id)?.reject(new Error(`${address} did not acknowledge it in time`));
      waiting.delete(id);
    }, ACK_MS);
    send({ ...frame, n: id } as Numbered);
    return acked.finally(() => clearTimeout(cut));
  }
  socket.on('message', (data) => {
    const frame = fromCoreSchema.safeParse(JSON.parse(String(data)));
    if (frame.success) take(frame.data);
    else logger.warn({ address, err: frame.error }, 'a frame of a core node is not understood');
  });
  socket.on('unexpected-response', (request, response) => {
    removed = response.headers['x-quorate-code'] === 'node_removed';
    request.destroy();
    socket.terminate();
  });
  socket.on('error', (error) => logger.debug({ address, err: error }, 'the connection to a core node failed'));
  let wasOpen = false;
  socket.once('open', () => {
    wasOpen = true;
  });
  const ended = new Promise<LinkEnd>((resolve) => {
    socket.once('close', (code) => {
      clearInterval(timer);
      clearTimeout(unwelcome);
      for (const { reject } of waiting.values()) reject(new Error(`the connection to ${address} ended`));
      waiting.clear();
      if (removed || code === REMOVED) resolve('removed');
      else if (code === GOING_AWAY) resolve('left');
      else resolve(wasOpen ? 'closed' : 'never_open');
    });
  });

  const link: Link = {
    get isOpen() {
      return core !== 0 && socket.readyState === WebSocket.OPEN;
    },
    get core() {
      return core;
    },
    get stamp() {
      return stamp;
    },
    ended,
    async report(reports) {
      await request({ type: 'reports', reports: [...reports] });
    },
    async reportReplicas(reports) {
      await request({ type: 'replicas', reports: [...reports] });
    },
    async hello({ labels, capacity, version }) {
      await request({ type: 'hello', labels, capacity, version });
    },
    async sendMetrics(batch, doNotPropagate, quoted) {
      await request({ type: 'metrics', batch, doNotPropagate, stamp: quoted });
    },
    renew: (csr) => request({ type: 'renew', csr }),
    close: () => socket.close(GOING_AWAY),
  };
  return link;
}
