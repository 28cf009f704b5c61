import { createHash, createHmac, randomBytes } from 'node:crypto';
import type { BlockList } from 'node:net';
import { HEADER } from '@quorate/shared/http-headers';
import type { Principal } from '@quorate/shared/session';
import { eq } from 'drizzle-orm';
import type { Context } from 'hono';
import type { Outcome } from '../commands/apply-entry';
import type { Actor, CommandDefinition } from '../commands/define-command';
import { DomainError } from '../commands/domain-error';
import type { StateDb, StateStore } from '../db/state-store';
import { seenCommands } from '../db/system-table';
import { uuidFrom, uuidv7 } from '../lib/ids';
import type { Logger } from '../lib/logger';
import type { Proposer } from '../replication/proposer';
import type { RequestContext } from './endpoint';
import { type Attempt, doOnce, type OnceOptions } from './once';
import { clientAddress, isLoopbackAddress } from './remote-address';

export interface ContextOptions {
  readonly store: StateStore;
  readonly proposer: Proposer;
  readonly nodeId: () => number;
  /** Keys what must not be guessed from the replicated state: fingerprints and derived secrets. */
  readonly deriveKey: () => Buffer;
  readonly trustedProxies: BlockList;
  readonly logger: Logger;
  /** True on the agent socket, whose file permission is the guard. */
  readonly local?: boolean;
}

export interface ContextParts {
  readonly principal: Principal | null;
  readonly requestId: string;
  readonly raw: Buffer;
  readonly headers: Record<string, string>;
}

interface RequestKey {
  readonly id: string;
  readonly fingerprint: string;
  readonly salt: string;
}

type Remote = Pick<RequestContext, 'remoteAddress' | 'loopback'>;

const ANONYMOUS: Actor = { kind: 'anonymous', id: 'anonymous', name: 'anonymous' };
const IDEMPOTENCY_KEY = /^[\x21-\x7e]{1,128}$/;

/**
 * What a handler sees of its request. A class on purpose: an object literal with getters gets a hidden class of its
 * own each time, which costs more than the rest of a small request and outlives it until a full collection.
 */
export class HttpRequestContext implements RequestContext {
  readonly principal: Principal | null;
  readonly requestId: string;
  readonly logger: Logger;
  readonly #options: ContextOptions;
  readonly #c: Context;
  readonly #raw: Buffer;
  readonly #headers: Record<string, string>;
  #remote: Remote | undefined;
  #key: RequestKey | undefined;
  #proposals = 0;
  #attempts = 0;

  /** @throws DomainError invalid_request when the Idempotency-Key can't be used, even where nothing is proposed */
  constructor(options: ContextOptions, c: Context, { principal, requestId, raw, headers }: ContextParts) {
    this.principal = principal;
    this.requestId = requestId;
    this.logger = options.logger;
    this.#options = options;
    this.#c = c;
    this.#raw = raw;
    this.#headers = headers;
    if (c.req.header(HEADER.idempotencyKey) !== undefined) this.#requestKey();
  }

  get actor(): Actor {
    const { principal } = this;
    return principal ? { kind: principal.kind, id: principal.id, name: principal.name } : ANONYMOUS;
  }

  get remoteAddress(): string {
    return this.#remoteOf().remoteAddress;
  }

  get loopback(): boolean {
    return this.#remoteOf().loopback;
  }

  get db(): StateDb {
    return this.#options.store.db;
  }

  get signal(): AbortSignal {
    return this.#c.req.raw.signal;
  }

  get upload(): ReadableStream<Uint8Array> | null {
    return this.#c.req.raw.body;
  }

  get url(): URL {
    return new URL(this.#c.req.url);
  }

  header(name: string): string | undefined {
    return this.#c.req.header(name);
  }

  setHeader(name: string, value: string): void {
    this.#headers[name] = value;
  }

  async propose<Input, Result>(command: CommandDefinition<Input, Result>, input: Input): Promise<Result> {
    const id = this.#proposals === 0 ? this.#attemptId : `${this.#attemptId}.${this.#proposals}`;
    this.#proposals += 1;
    return this.#propose(command, input, id);
  }

  once<T>(act: () => Promise<T>, options: OnceOptions<T> = {}): Promise<T> {
    if (this.#c.req.header(HEADER.idempotencyKey) === undefined) return act();
    const { signal } = this;
    return doOnce({ nodeId: this.#options.nodeId(), signal, attemptAt: (n) => this.#attempt(n) }, act, options);
  }

  operationId(): string | undefined {
    if (this.#c.req.header(HEADER.idempotencyKey) === undefined) return undefined;
    return uuidFrom(createHash('sha256').update(`operation:${this.#requestKey().id}`).digest());
  }

  secret(purpose: string): Buffer {
    const text = `secret:${purpose}:${this.#attemptId}:${this.#requestKey().salt}`;
    return createHmac('sha256', this.#options.deriveKey()).update(text).digest();
  }

  /** What one attempt proposes must not be taken for what the one before has proposed. */
  get #attemptId(): string {
    const { id } = this.#requestKey();
    return this.#attempts === 0 ? id : `${id}.again${this.#attempts}`;
  }

  #attempt(n: number): Attempt {
    this.#attempts = n;
    this.#proposals = 0;
    const idOf = (suffix: string): string => `${this.#attemptId}.${suffix}`;
    return {
      propose: (command, input, suffix) => this.#propose(command, input, idOf(suffix)),
      outcome: <Result>(suffix: string) => {
        const seen = this.db
          .select()
          .from(seenCommands)
          .where(eq(seenCommands.id, idOf(suffix)))
          .get();
        const outcome = seen && (JSON.parse(seen.outcome) as Outcome);
        return outcome?.ok ? (outcome.result as Result) : undefined;
      },
    };
  }

  async #propose<Input, Result>(command: CommandDefinition<Input, Result>, input: Input, id: string): Promise<Result> {
    const { fingerprint } = this.#requestKey();
    const { index, result } = await this.#options.proposer.propose(command, input, {
      actor: this.actor,
      id,
      fingerprint,
    });
    this.#headers[HEADER.index] = String(index);
    return result;
  }

  #remoteOf(): Remote {
    this.#remote ??= remoteOf(this.#options, this.#c);
    return this.#remote;
  }

  #requestKey(): RequestKey {
    this.#key ??= createRequestKey(this.#options, this.#c, this.actor, this.#raw);
    return this.#key;
  }
}

/** The identity of a request: by its Idempotency-Key when it has one, else by chance. */
function createRequestKey(options: ContextOptions, c: Context, actor: Actor, raw: Buffer): RequestKey {
  const key = c.req.header(HEADER.idempotencyKey);
  if (key === undefined) return { id: uuidv7(), fingerprint: '', salt: randomBytes(16).toString('hex') };
  if (!IDEMPOTENCY_KEY.test(key)) {
    throw new DomainError('invalid_request', `${HEADER.idempotencyKey} must be 1 to 128 printable ASCII characters`);
  }
  const mac = (text: string): string => createHmac('sha256', options.deriveKey()).update(text).digest('base64url');
  const id = `idem-${mac(`id:${actor.kind}:${actor.id}:${key}`)}`;
  const { pathname, search } = new URL(c.req.url);
  const fingerprint = mac(`request:${c.req.method}:${pathname}${search}:${raw.toString('base64')}`);
  return { id, fingerprint, salt: '' };
}

function remoteOf(options: ContextOptions, c: Context): Remote {
  if (options.local) return { remoteAddress: '', loopback: true };
  const { incoming } = c.env as { incoming?: { socket: { remoteAddress?: string } } };
  const peer = incoming?.socket.remoteAddress ?? '';
  const forwarded = c.req.header('x-forwarded-for');
  const proxied = forwarded !== undefined || c.req.header('forwarded') !== undefined;
  const loopback = !proxied && isLoopbackAddress(peer) && isLoopbackHost(c.req.header('host') ?? '');
  return { remoteAddress: clientAddress(peer, forwarded, options.trustedProxies), loopback };
}

/** Guards against DNS rebinding: a page on another name that resolves to loopback is no loopback client. */
function isLoopbackHost(host: string): boolean {
  const name = host.replace(/:\d+$/, '').replace(/^\[|\]$/g, '');
  return name === 'localhost' || isLoopbackAddress(name);
}
