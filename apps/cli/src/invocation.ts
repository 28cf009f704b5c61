import { randomUUID } from 'node:crypto';
import { confirm, isCancel } from '@clack/prompts';
import {
  ApiError,
  type CallAnswer,
  type CallInput,
  type CallResult,
  type Client,
  createClient,
} from '@quorate/shared/client';
import { HEADER } from '@quorate/shared/http-headers';
import type { RouteDefinition } from '@quorate/shared/route';
import { CliError } from './cli-error';
import type { Exit } from './exit-codes';
import type { Globals } from './globals';
import { type Io, isInteractive, wantsColor } from './io';
import { type Colors, colorsFor, plain, render, type View } from './output';
import { type Resolved, resolveTarget } from './target';
import { createTransport, isTimeout, mayBeSent, type Transport, TransportError } from './transport';

/** What a command gets to work with: the API, the output, the questions. One for each run. */
export interface Invocation {
  readonly io: Io;
  readonly globals: Globals;
  /** Colours for stdout. */
  readonly colors: Colors;
  call<R extends RouteDefinition>(route: R, input: CallInput<R>): Promise<CallResult<R>>;
  callFull<R extends RouteDefinition>(route: R, input: CallInput<R>): Promise<CallAnswer<R>>;
  /** Opens a stream; the body ends or throws when the connection does. With `body`, posts that stream first. */
  open(path: string, headers: Record<string, string>, body?: ReadableStream<Uint8Array>): Promise<Response>;
  connection(): Promise<Resolved>;
  /** Data, on stdout, in the chosen format. */
  print(view: View): void;
  write(text: string): void;
  /** Chatter, on stderr. */
  note(line: string): void;
  warn(line: string): void;
  /** Asks, unless --yes. @throws CliError when the answer is no or there is nobody to ask */
  confirm(question: string): Promise<void>;
  /** Ends the process with this status although nothing failed (a lint that found errors, a job that ended with one). */
  endWith(exit: Exit | number): void;
}

export interface OpenInvocation extends Invocation {
  readonly exit: Exit | number;
  close(): Promise<void>;
}

/** Checks the input by the route's own schemas, so that a slip is told before anything is sent. */
function checkInput(route: RouteDefinition, input: { params?: unknown; query?: unknown; body?: unknown }): void {
  const fields = [];
  for (const part of ['params', 'query', 'body'] as const) {
    const result = route[part]?.safeParse(input[part] ?? {});
    for (const issue of result?.error?.issues ?? []) {
      fields.push({ field: issue.path.map(String).join('.') || part, detail: issue.message });
    }
  }
  const [first, ...others] = fields;
  if (!first) return;
  if (others.length === 0) throw new CliError('usage', `${first.field}: ${first.detail}`);
  throw new CliError('usage', `${fields.length} values are not valid`, { fields });
}

/** A write that got no answer: says so, and how to repeat it without doing it twice. */
function unansweredWrite(error: unknown, method: string, key: string | undefined): unknown {
  if (!(error instanceof ApiError) || error.code !== 'unreachable' || method === 'get') return error;
  const { cause } = error;
  const timedOut =
    cause instanceof TransportError ? isTimeout(cause) : (cause as Error | undefined)?.name === 'TimeoutError';
  const cut = cause instanceof TransportError && mayBeSent(cause);
  if (!timedOut && !cut) return error;
  return new CliError(timedOut ? 'timeout' : 'unavailable', 'no answer came; the write may or may not have happened', {
    hint: key ? `repeat the same command with: --idempotency-key ${key}` : 'look before you repeat it',
  });
}

/** Opens an invocation; nothing is connected before the first call. `local` speaks to the agent socket; `resolved` settles where to talk to. */
export function openInvocation(
  io: Io,
  globals: Globals,
  options: { local: boolean; resolved?: Resolved },
): OpenInvocation {
  const colors = colorsFor(wantsColor(io, io.stdout));
  const errorColors = colorsFor(wantsColor(io, io.stderr));
  let exit: Exit | number = 'ok';
  let resolved = options.resolved === undefined ? undefined : Promise.resolve(options.resolved);
  let opened: { transport: Transport; client: Client; token: string | undefined } | undefined;

  const note = (line: string): void => void io.stderr.write(`${line}\n`);
  const warn = (line: string): void => note(`${errorColors.yellow('warning:')} ${plain(line)}`);

  function connection(): Promise<Resolved> {
    resolved ??= resolveTarget(io, globals, { local: options.local, warn });
    return resolved;
  }

  async function open() {
    if (opened) return opened;
    const { target, token } = await connection();
    if (target.kind === 'http' && target.insecure) warn('the server’s certificate is not verified');
    const transport = createTransport(target, { timeoutMs: globals.timeout, onFailover: warn });
    const linearizable: typeof fetch = (path, init) => {
      const reads = globals.linearizable && (init?.method ?? 'GET') === 'GET';
      const text = String(path);
      return transport.fetch(reads ? `${text}${text.includes('?') ? '&' : '?'}consistency=linearizable` : text, init);
    };
    const client = createClient({
      baseUrl: '',
      fetch: linearizable,
      timeoutMs: globals.timeout,
      headers: () => ({
        'user-agent': 'quorate',
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      }),
    });
    opened = { transport, client, token };
    return opened;
  }

  async function callFull<R extends RouteDefinition>(route: R, input: CallInput<R>): Promise<CallAnswer<R>> {
    checkInput(route, input);
    const { client } = await open();
    const own = input.headers?.[HEADER.idempotencyKey] ?? globals.idempotencyKey;
    const key = route.method === 'post' ? (own ?? randomUUID()) : undefined;
    const headers: Record<string, string> = {
      ...input.headers,
      ...(key === undefined ? {} : { [HEADER.idempotencyKey]: key }),
    };
    try {
      return await client.callFull(route, { ...input, headers, signal: input.signal ?? io.signal });
    } catch (error) {
      throw unansweredWrite(error, route.method, key);
    }
  }

  return {
    io,
    globals,
    colors,
    callFull,
    call: async (route, input) => (await callFull(route, input)).data,
    async open(path, headers, body) {
      const { transport, token } = await open();
      const auth: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
      // A body that streams needs `duplex`, which the DOM's type of a request does not know.
      const upload: object = body ? { method: 'POST', body, duplex: 'half' } : {};
      return transport.fetch(path, { headers: { ...auth, ...headers }, signal: io.signal, ...upload });
    },
    connection,
    print(view) {
      if (view.empty !== undefined && globals.output === 'table') note(view.empty);
      io.stdout.write(render(view, globals.output, colors));
    },
    write: (text) => void io.stdout.write(text),
    note,
    warn,
    async confirm(question) {
      if (globals.yes) return;
      if (!isInteractive(io)) {
        throw new CliError('usage', 'this must be confirmed and there is no terminal to ask on', { hint: 'add --yes' });
      }
      const answer = await confirm({
        message: question,
        initialValue: false,
        input: io.stdin,
        output: io.stderr,
        signal: io.signal,
      });
      if (isCancel(answer) || !answer) throw new CliError('error', 'cancelled; nothing was changed');
    },
    endWith(value) {
      exit = value;
    },
    get exit() {
      return exit;
    },
    async close() {
      await opened?.transport.close();
    },
  };
}
