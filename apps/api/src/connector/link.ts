import {
  CLOSE,
  CONNECTOR_LIMITS,
  type EventPlace,
  type FromGateway,
  type FromUpstream,
  fromUpstreamSchema,
  type UpstreamRequest,
} from '@quorate/shared/connector-protocol';
import type { WebSocket } from 'ws';
import { CONNECT_MS, PING_EVERY_MS, SILENCE_MS } from './timings';
import { describeFailure } from './upstream';

/** How a connection ended. */
export interface LinkEnd {
  /** One sentence. */
  readonly why: string;
  /** The upstream knows a higher generation; 0 = it did not say so. */
  readonly fencedBy: number;
}

/** One connection to the upstream, from dialling to its end. */
export interface Link {
  readonly connected: boolean;
  send(frame: FromGateway): void;
  unsentBytes(): number;
  /** Says goodbye, then closes; cut off when the other side does not answer within `ms`. Resolves when it is closed. */
  close(reason: string, ms: number): Promise<void>;
  /** Cuts it off at once: nothing more goes out. */
  cut(why: string): void;
}

export interface LinkOptions {
  readonly socket: WebSocket;
  readonly hello: FromGateway;
  /** False from the moment on when this node may not act as the active one any more. */
  readonly mayAct: () => boolean;
  readonly onWelcome: (last: EventPlace | null) => void;
  readonly onRequest: (request: UpstreamRequest) => void;
  /** Each second while it is connected. */
  readonly onBeat: () => void;
  /** Once. */
  readonly onEnd: (end: LinkEnd) => void;
}

/** Answers to all requests that it may ask at once. It reads no more, and only says that it is there. */
const MAX_UNSENT_BYTES = CONNECTOR_LIMITS.concurrency * CONNECTOR_LIMITS.messageBytes;
const UNREAD = `the upstream does not read: ${MAX_UNSENT_BYTES / 1024 ** 2} MiB wait for it`;
const UNPROVEN = 'this node could not prove any more that it is the active one';

/** Takes over a socket that is being dialled. */
export function openLink(options: LinkOptions): Link {
  const { socket } = options;
  let connected = false;
  let ended = false;
  let why = '';
  let fencedBy = 0;
  let heardMs = performance.now();
  const onClosed: (() => void)[] = [];

  function end(reason: string): void {
    if (ended) return;
    ended = true;
    connected = false;
    clearInterval(beat);
    clearTimeout(deadline);
    for (const done of onClosed.splice(0)) done();
    options.onEnd({ why: reason, fencedBy });
  }
  function cut(reason: string): void {
    why ||= reason;
    socket.terminate();
    end(why);
  }
  function send(frame: FromGateway): void {
    if (ended) return;
    if (!options.mayAct()) cut(UNPROVEN);
    else if (socket.bufferedAmount > MAX_UNSENT_BYTES) cut(UNREAD);
    else socket.send(JSON.stringify(frame));
  }
  function take(frame: FromUpstream): void {
    if (frame.type === 'refused') {
      fencedBy = frame.generation;
      cut(`the upstream knows generation ${frame.generation} and refuses this node`);
      return;
    }
    if (frame.type === 'request') {
      if (connected) options.onRequest(frame);
      else cut('a request before the welcome');
      return;
    }
    if (connected) return;
    connected = true;
    clearTimeout(deadline);
    options.onWelcome(frame.last_event);
  }

  const deadline = setTimeout(() => cut('no welcome in time'), 2 * CONNECT_MS);
  const beat = setInterval(() => {
    if (!connected) return;
    if (!options.mayAct()) return cut(UNPROVEN);
    if (performance.now() - heardMs > SILENCE_MS) return cut('nothing was heard of the upstream for 3 s');
    socket.ping();
    options.onBeat();
  }, PING_EVERY_MS);

  const heard = (): void => {
    heardMs = performance.now();
  };
  socket.on('open', () => {
    heard();
    send(options.hello);
  });
  socket.on('pong', heard);
  socket.on('ping', heard);
  socket.on('message', (data, isBinary) => {
    heard();
    if (ended) return;
    if (!options.mayAct()) return cut(UNPROVEN);
    const frame = isBinary ? undefined : fromUpstreamSchema.safeParse(parse(String(data)));
    if (frame?.success) return take(frame.data);
    why = `the upstream sent what is not in the protocol: ${frame?.error.issues[0]?.message ?? 'a binary message'}`;
    socket.close(CLOSE.protocol, 'not in the protocol');
    setTimeout(() => cut(why), 500).unref();
  });
  socket.on('unexpected-response', (_request, response) => cut(`the upstream answers ${response.statusCode}`));
  socket.on('error', (error) => {
    why ||= describeFailure(error);
  });
  socket.on('close', (code, reason) => {
    if (code === CLOSE.fenced) fencedBy = Math.max(fencedBy, 1);
    const words = reason.toString().slice(0, 120);
    end(why || `the upstream closed the connection (${code}${words ? `, ${words}` : ''})`);
  });

  return {
    get connected() {
      return connected;
    },
    send,
    unsentBytes: () => socket.bufferedAmount,
    async close(reason, ms) {
      if (ended) return;
      why = reason;
      if (connected) send({ type: 'bye', reason });
      const closed = new Promise<void>((resolve) => onClosed.push(resolve));
      const late = setTimeout(() => cut(reason), ms);
      if (connected) socket.close(1000, reason.slice(0, 100));
      else cut(reason);
      await closed;
      clearTimeout(late);
    },
    cut,
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
