import { createHmac, randomBytes } from 'node:crypto';
import type { BlockList } from 'node:net';
import { HEADER } from '@quorate/shared/http-headers';
import type { Principal } from '@quorate/shared/session';
import { eq } from 'drizzle-orm';
import type { Context } from 'hono';
import { keyReused, type Outcome } from '../commands/apply-entry';
import type { Actor, CommandDefinition } from '../commands/define-command';
import { DomainError } from '../commands/domain-error';
import type { StateDb, StateStore } from '../db/state-store';
import { seenCommands } from '../db/system-table';
import { uuidv7 } from '../lib/ids';
import type { Logger } from '../lib/logger';
import type { Proposer } from '../replication/proposer';
import type { RequestContext } from './endpoint';
import { clientAddress, isLoopbackAddress } from './remote-address';

export interface ContextOptions {
  readonly store: StateStore;
  readonly proposer: Proposer;
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
    const { id: base, fingerprint } = this.#requestKey();
    const id = this.#proposals === 0 ? base : `${base}.${this.#proposals}`;
    this.#proposals += 1;
    const { actor } = this;
    const { index, result } = await this.#options.proposer.propose(command, input, { actor, id, fingerprint });
    this.#headers[HEADER.index] = String(index);
    return result;
  }

  earlier<Input, Result>(_command: CommandDefinition<Input, Result>): Result | undefined {
    if (this.#c.req.header(HEADER.idempotencyKey) === undefined) return undefined;
    const { id, fingerprint } = this.#requestKey();
    const seen = this.db.select().from(seenCommands).where(eq(seenCommands.id, id)).get();
    if (!seen) return undefined;
    if (seen.fingerprint !== fingerprint) throw keyReused();
    this.#headers[HEADER.index] = String(seen.logIndex);
    const outcome = JSON.parse(seen.outcome) as Outcome;
    if (outcome.ok) return outcome.result as Result;
    throw new DomainError(outcome.code, outcome.detail, outcome.errors, outcome.retryAfter);
  }

  secret(purpose: string): Buffer {
    const { id, salt } = this.#requestKey();
    return createHmac('sha256', this.#options.deriveKey()).update(`secret:${purpose}:${id}:${salt}`).digest();
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
