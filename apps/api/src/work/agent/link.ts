import {
  type AssignedWork,
  type FromCore,
  type FromRunner,
  fromCoreSchema,
  type JobReport,
  type OutputChunk,
  type OutputRange,
  type ReplicaReport,
  RUNNER_SESSION_PATH,
} from '@quorate/shared/runner-protocol';
import { type ClientOptions, WebSocket } from 'ws';
import type { Logger } from '../../lib/logger';

export interface LinkOptions {
  /** `host:port` of the core's cluster listener. */
  readonly address: string;
  readonly tls: () => ClientOptions;
  readonly sample: () => { cpu_percent: number; memory_percent: number };
  readonly onWork: (work: AssignedWork) => void;
  readonly onCores: (addresses: readonly string[]) => void;
  /** A heartbeat that was sent at this time (performance.now()) renewed the lease. */
  readonly onRenewed: (sentAt: number) => void;
  readonly output: (range: OutputRange) => Promise<OutputChunk | undefined>;
  readonly logger: Logger;
}

/** One connection to one core node; it is not opened again once it has ended. */
export interface Link {
  readonly isOpen: boolean;
  /** @throws when the core could not take it, or the connection ended before it said so */
  report(reports: JobReport[]): Promise<void>;
  /** @throws like `report` */
  reportReplicas(reports: ReplicaReport[]): Promise<void>;
  /** Why it ended. Resolves with `removed` when the cluster does not know this runner any more. */
  readonly ended: Promise<'removed' | 'closed' | 'never_open'>;
  close(): void;
}

const HANDSHAKE_MS = 5_000;
const ACK_MS = 5_000;
const MAX_FRAME_BYTES = 16 * 1024 * 1024;
/** Heartbeats without an answer before the connection counts as dead. */
const MAX_UNANSWERED = 5;

export function openLink(options: LinkOptions): Link {
  const { address, logger } = options;
  const socket = new WebSocket(`wss://${address}${RUNNER_SESSION_PATH}`, {
    ...options.tls(),
    handshakeTimeout: HANDSHAKE_MS,
    maxPayload: MAX_FRAME_BYTES,
    perMessageDeflate: false,
  });
  const waiting = new Map<number, { resolve: () => void; reject: (error: Error) => void }>();
  const heartbeats = new Map<number, number>();
  let n = 0;
  let timer: NodeJS.Timeout | undefined;
  let removed = false;

  const send = (frame: FromRunner): void => socket.send(JSON.stringify(frame));
  function beat(): void {
    if (heartbeats.size >= MAX_UNANSWERED) {
      socket.terminate();
      return;
    }
    n += 1;
    heartbeats.set(n, performance.now());
    send({ type: 'heartbeat', n, ...options.sample() });
  }
  function take(frame: FromCore): void {
    if (frame.type === 'welcome') {
      beat();
      timer = setInterval(beat, frame.heartbeat_ms);
      logger.info({ node: frame.node_id, address }, 'connected to a core node');
    } else if (frame.type === 'work') options.onWork(frame.work);
    else if (frame.type === 'cores') options.onCores(frame.addresses);
    else if (frame.type === 'output') void answerOutput(frame.n, frame.range);
    else settle(frame);
  }
  async function answerOutput(n: number, range: OutputRange): Promise<void> {
    const chunk = await options.output(range).catch(() => undefined);
    if (socket.readyState === WebSocket.OPEN) send({ type: 'output', n, chunk: chunk ?? null });
  }
  function settle(frame: Extract<FromCore, { type: 'ack' | 'nack' }>): void {
    const sentAt = heartbeats.get(frame.n);
    heartbeats.delete(frame.n);
    if (frame.type === 'ack' && frame.renewed && sentAt !== undefined) options.onRenewed(sentAt);
    const waiter = waiting.get(frame.n);
    waiting.delete(frame.n);
    if (frame.type === 'ack') waiter?.resolve();
    else waiter?.reject(new Error(frame.detail));
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
  const ended = new Promise<'removed' | 'closed' | 'never_open'>((resolve) => {
    socket.once('close', (code) => {
      clearInterval(timer);
      for (const { reject } of waiting.values()) reject(new Error(`the connection to ${address} ended`));
      waiting.clear();
      if (removed || code === 4403) resolve('removed');
      else resolve(wasOpen ? 'closed' : 'never_open');
    });
  });

  async function ask(frameOf: (n: number) => FromRunner): Promise<void> {
    if (socket.readyState !== WebSocket.OPEN) throw new Error(`there is no connection to ${address}`);
    n += 1;
    const id = n;
    const acked = new Promise<void>((resolve, reject) => waiting.set(id, { resolve, reject }));
    const cut = setTimeout(() => {
      waiting.get(id)?.reject(new Error(`${address} did not acknowledge it in time`));
      waiting.delete(id);
    }, ACK_MS);
    send(frameOf(id));
    await acked.finally(() => clearTimeout(cut));
  }

  return {
    get isOpen() {
      return socket.readyState === WebSocket.OPEN;
    },
    ended,
    report: (reports) => ask((id) => ({ type: 'reports', n: id, reports })),
    reportReplicas: (reports) => ask((id) => ({ type: 'replicas', n: id, reports })),
    close: () => socket.close(1001),
  };
}
