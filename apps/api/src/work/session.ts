import {
  type AssignedWork,
  type FromCore,
  type FromRunner,
  fromRunnerSchema,
  type OutputChunk,
  type OutputRange,
} from '@quorate/shared/runner-protocol';
import type { WebSocket } from 'ws';
import { delay } from '../lib/async';
import type { Logger } from '../lib/logger';
import { HEARTBEAT_MS, LEASE_MS } from './lease';

export interface SessionDeps {
  readonly nodeId: number;
  readonly runnerId: string;
  /** Whether this heartbeat renews the lease. */
  readonly renews: () => boolean;
  readonly onHeartbeat: (frame: Extract<FromRunner, { type: 'heartbeat' }>) => void;
  /** @returns false when it came too late to be taken */
  readonly onMetrics: (frame: Extract<FromRunner, { type: 'metrics' }>) => boolean;
  /** @throws while it cannot be written: the runner is told, and tries another core */
  readonly onReport: (frame: Extract<FromRunner, { type: 'reports' | 'replicas' }>) => Promise<void>;
  /** @throws while it cannot be written */
  readonly onHello: (frame: Extract<FromRunner, { type: 'hello' }>) => Promise<void>;
  /** @returns the certificate, PEM. @throws when there is none for this runner now */
  readonly onRenew: (csr: string) => Promise<string>;
  readonly logger: Logger;
}

interface Told {
  /** Undefined while this core cannot know it. */
  readonly work: AssignedWork | undefined;
  readonly cores: readonly string[];
  readonly trust: { ca: string; issuer: string } | undefined;
}

/** One runner that is connected to this core. */
export interface Session {
  /** Tells what has changed since it was last told; the work `again` even so, since others may have told it otherwise. */
  tell(now: Told, again: boolean): void;
  /** Output of an attempt that the runner has; undefined when it has none, or does not answer. */
  output(range: OutputRange): Promise<OutputChunk | undefined>;
  close(code: number, reason: string): void;
  terminate(): void;
}

/** Frames that are not sent yet, in bytes: a runner that reads no more is let go. */
const MAX_BUFFERED = 8 * 1024 * 1024;
const OUTPUT_MS = 5_000;
/** A runner that does not answer a close gets no more time. */
const CLOSE_MS = 1_000;

/** Speaks the session's protocol with a runner; what its frames mean is the caller's. */
export function openSession(socket: WebSocket, deps: SessionDeps): Session {
  const { runnerId, logger } = deps;
  const answers = new Map<number, (chunk: OutputChunk | null) => void>();
  let toldWork = '';
  let toldCores = '';
  let toldTrust = '';
  let asked = 0;

  const stamp = (): number => performance.now();
  const send = (frame: FromCore): void => {
    if (socket.bufferedAmount > MAX_BUFFERED) socket.terminate();
    else if (socket.readyState === socket.OPEN) socket.send(JSON.stringify(frame));
  };
  const ack = (n: number, renewed = false): void => send({ type: 'ack', n, renewed, stamp: stamp() });

  async function answer(n: number, act: () => Promise<FromCore | undefined>): Promise<void> {
    try {
      const frame = await act();
      if (frame) send(frame);
      else ack(n);
    } catch (error) {
      send({ type: 'nack', n, detail: error instanceof Error ? error.message : String(error) });
    }
  }

  async function take(frame: FromRunner): Promise<void> {
    const { n } = frame;
    switch (frame.type) {
      case 'heartbeat':
        deps.onHeartbeat(frame);
        return ack(n, deps.renews());
      case 'metrics':
        return deps.onMetrics(frame) ? ack(n) : send({ type: 'nack', n, detail: 'it was under way for too long' });
      case 'output':
        return answers.get(n)?.(frame.chunk);
      case 'renew':
        return answer(n, async () => ({ type: 'certificate', n, certificate: await deps.onRenew(frame.csr) }));
      case 'hello':
        return answer(n, async () => {
          await deps.onHello(frame);
          return undefined;
        });
      default:
        return answer(n, async () => {
          await deps.onReport(frame);
          return undefined;
        });
    }
  }
  socket.on('message', (data) => {
    const frame = fromRunnerSchema.safeParse(parse(String(data)));
    if (!frame.success) return socket.close(1002, 'unexpected frame');
    take(frame.data).catch((error: unknown) =>
      logger.warn({ err: error, runner: runnerId }, 'a frame of a runner failed'),
    );
  });
  socket.on('error', (error) => logger.debug({ err: error, runner: runnerId }, 'the connection of a runner failed'));
  send({ type: 'welcome', node_id: deps.nodeId, heartbeat_ms: HEARTBEAT_MS, lease_ms: LEASE_MS, stamp: stamp() });

  return {
    tell({ work, cores, trust }, again) {
      const text = work ? JSON.stringify([work.jobs, work.replicas]) : toldWork;
      if (work && (again || text !== toldWork)) send({ type: 'work', work });
      toldWork = text;
      if (cores.join() !== toldCores) send({ type: 'cores', addresses: [...cores] });
      toldCores = cores.join();
      const trusted = trust ? `${trust.ca}${trust.issuer}` : '';
      if (trust && trusted !== toldTrust) send({ type: 'trust', ...trust });
      toldTrust = trusted;
    },
    async output(range) {
      asked += 1;
      const n = asked;
      const answered = new Promise<OutputChunk | null>((resolve) => answers.set(n, resolve));
      send({ type: 'output', n, range });
      const cut = new AbortController();
      const found = await Promise.race([answered, delay(range.wait_ms + OUTPUT_MS, cut.signal).then(() => null)]);
      cut.abort();
      answers.delete(n);
      return found ?? undefined;
    },
    close(code, reason) {
      socket.close(code, reason);
      setTimeout(() => socket.terminate(), CLOSE_MS).unref();
    },
    terminate: () => socket.terminate(),
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
