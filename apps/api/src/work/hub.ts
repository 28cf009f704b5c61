import {
  type FromCore,
  type FromRunner,
  fromRunnerSchema,
  type OutputChunk,
  type OutputRange,
} from '@quorate/shared/runner-protocol';
import type { WebSocket } from 'ws';
import type { StateDb } from '../db/state-store';
import { delay } from '../lib/async';
import type { Clock } from '../lib/clock';
import type { Logger } from '../lib/logger';
import type { Applier } from '../replication/applier';
import type { Proposer } from '../replication/proposer';
import { findRunner } from '../resources/runners/commands';
import { assignedWork, recordReplicas, recordReports } from './assigned';
import { HEARTBEAT_MS, LEASE_MS } from './lease';

export interface HubDeps {
  readonly nodeId: number;
  readonly db: () => StateDb;
  readonly applier: Applier;
  readonly propose: Proposer['propose'];
  readonly quorumHeld: () => boolean;
  /** Cluster addresses of the core nodes. */
  readonly cores: () => readonly string[];
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What a core knows of a runner that is, or was, connected to it. */
export interface RunnerSeen {
  readonly heardAt: number;
  readonly cpuPercent: number;
  readonly memoryPercent: number;
}

/** The runners that are connected to this core. */
export interface RunnerHub {
  connect(runnerId: string, socket: WebSocket): void;
  seen(runnerId: string): RunnerSeen | undefined;
  /** Runners that it has heard of in the last minute. */
  heard(): { id: string; ago_ms: number }[];
  /** Output of an attempt that the runner has; undefined when it is not connected here or has none. */
  output(runnerId: string, range: OutputRange): Promise<OutputChunk | undefined>;
  close(): void;
}

/** Frames that are not sent yet, in bytes: a runner that reads no more is let go. */
const MAX_BUFFERED = 8 * 1024 * 1024;
const OUTPUT_MS = 5_000;
const HEARD_MS = 60_000;

export function createRunnerHub(deps: HubDeps): RunnerHub {
  const { db, applier, logger } = deps;
  const sessions = new Map<string, ReturnType<typeof openSession>>();
  const seen = new Map<string, RunnerSeen>();
  let scheduled = false;
  let closed = false;

  function openSession(runnerId: string, socket: WebSocket) {
    let told = '';
    let toldCores = '';
    let asked = 0;
    const answers = new Map<number, (chunk: OutputChunk | null) => void>();

    const send = (frame: FromCore): void => {
      if (socket.bufferedAmount > MAX_BUFFERED) socket.terminate();
      else socket.send(JSON.stringify(frame));
    };
    /** Tells what has changed since it was last told. */
    function tell(): void {
      const work = assignedWork(db(), runnerId, applier.position.index);
      const text = JSON.stringify([work.jobs, work.replicas]);
      if (text !== told) send({ type: 'work', work });
      told = text;
      const addresses = [...deps.cores()];
      if (addresses.join() !== toldCores) send({ type: 'cores', addresses });
      toldCores = addresses.join();
    }
    function renews(): boolean {
      try {
        return deps.quorumHeld() && findRunner(db(), runnerId).status === 'online';
      } catch {
        return false;
      }
    }
    async function take(frame: FromRunner): Promise<void> {
      if (frame.type === 'heartbeat') {
        seen.set(runnerId, {
          heardAt: deps.clock(),
          cpuPercent: frame.cpu_percent,
          memoryPercent: frame.memory_percent,
        });
        return send({ type: 'ack', n: frame.n, renewed: renews() });
      }
      if (frame.type === 'output') return answers.get(frame.n)?.(frame.chunk);
      try {
        if (frame.type === 'replicas') await recordReplicas(deps, runnerId, frame.reports);
        else await recordReports(deps, runnerId, frame.reports);
        send({ type: 'ack', n: frame.n, renewed: false });
      } catch (error) {
        send({ type: 'nack', n: frame.n, detail: error instanceof Error ? error.message : String(error) });
      }
    }
    socket.on('message', (data) => {
      const frame = fromRunnerSchema.safeParse(parse(String(data)));
      if (!frame.success) return socket.close(1002, 'unexpected frame');
      take(frame.data).catch((error: unknown) =>
        logger.warn({ err: error, runner: runnerId }, 'a frame of a runner failed'),
      );
    });
    send({ type: 'welcome', node_id: deps.nodeId, heartbeat_ms: HEARTBEAT_MS, lease_ms: LEASE_MS });
    return {
      socket,
      tell,
      async output(range: OutputRange): Promise<OutputChunk | undefined> {
        asked += 1;
        const n = asked;
        const answer = new Promise<OutputChunk | null>((resolve) => answers.set(n, resolve));
        send({ type: 'output', n, range });
        const cut = new AbortController();
        const found = await Promise.race([answer, delay(range.wait_ms + OUTPUT_MS, cut.signal).then(() => null)]);
        cut.abort();
        answers.delete(n);
        return found ?? undefined;
      },
    };
  }

  /** Once for all entries that are applied in a row. */
  function tellAll(): void {
    if (scheduled || sessions.size === 0) return;
    scheduled = true;
    setImmediate(() => {
      scheduled = false;
      if (closed) return;
      for (const [runnerId, session] of sessions) {
        if (isRemoved(runnerId)) session.socket.close(4403, 'this runner was removed');
        else session.tell();
      }
    });
  }
  const isRemoved = (runnerId: string): boolean => {
    try {
      findRunner(db(), runnerId);
      return false;
    } catch {
      return true;
    }
  };
  const unsubscribe = applier.onApplied(tellAll);

  return {
    connect(runnerId, socket) {
      sessions.get(runnerId)?.socket.terminate();
      const session = openSession(runnerId, socket);
      sessions.set(runnerId, session);
      socket.on('error', (error) =>
        logger.debug({ err: error, runner: runnerId }, 'the connection of a runner failed'),
      );
      socket.once('close', () => {
        if (sessions.get(runnerId) === session) sessions.delete(runnerId);
      });
      session.tell();
    },
    seen: (runnerId) => seen.get(runnerId),
    heard() {
      const now = deps.clock();
      return [...seen]
        .map(([id, { heardAt }]) => ({ id, ago_ms: now - heardAt }))
        .filter((one) => one.ago_ms < HEARD_MS);
    },
    output: async (runnerId, range) => sessions.get(runnerId)?.output(range),
    close() {
      closed = true;
      unsubscribe();
      for (const { socket } of sessions.values()) socket.close(1001, 'the node stops');
    },
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
