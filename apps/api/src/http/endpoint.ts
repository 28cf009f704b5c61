import type { RouteDefinition, SchemaOutput } from '@quorate/shared/route';
import type { Principal } from '@quorate/shared/session';
import type { Actor, CommandDefinition } from '../commands/define-command';
import type { StateDb } from '../db/state-store';
import type { Logger } from '../lib/logger';
import type { OnceOptions } from './once';

/** What a handler gets beside its validated input. */
export interface RequestContext {
  /** The caller; null on public routes without credentials. */
  readonly principal: Principal | null;
  readonly actor: Actor;
  readonly requestId: string;
  /** Address of the client, behind trusted proxies the forwarded one; empty on the agent socket. */
  readonly remoteAddress: string;
  /** The request came straight over loopback to a loopback host name, through no proxy. */
  readonly loopback: boolean;
  readonly logger: Logger;
  readonly db: StateDb;
  readonly signal: AbortSignal;
  /** The body of a route that takes an upload; elsewhere it is read already. */
  readonly upload: ReadableStream<Uint8Array> | null;
  readonly url: URL;
  header(name: string): string | undefined;
  setHeader(name: string, value: string): void;
  /**
   * Proposes a command and waits for its outcome; its index goes out as X-Quorate-Index. Under an
   * Idempotency-Key the command id is made from the key, so that a retried request is applied once.
   *
   * @throws DomainError what apply refused with, or no_quorum
   * @throws OutcomeUnknown
   */
  propose<Input, Result>(command: CommandDefinition<Input, Result>, input: Input): Promise<Result>;
  /**
   * For what is done outside of the log: under an Idempotency-Key `act` is carried out by one request on one node, and
   * the others get its answer. What was refused may be tried again under the same key.
   *
   * @throws DomainError idempotency_key_reused, conflict while there is no answer, what `act` throws
   */
  once<T>(act: () => Promise<T>, options?: OnceOptions<T>): Promise<T>;
  /** For operations that have an id themselves: always the same one under an Idempotency-Key, undefined without. */
  operationId(): string | undefined;
  /** 32 secret bytes for `purpose`; the same again when the request is retried with its Idempotency-Key. */
  secret(purpose: string): Buffer;
}

/** The ETag that a change is based on; null where the client takes no care. */
export const ifMatchOf = (ctx: RequestContext): string | null => ctx.header('if-match')?.trim() ?? null;

export interface RouteInputs<R extends RouteDefinition> {
  readonly params: SchemaOutput<R['params']>;
  readonly query: SchemaOutput<R['query']>;
  readonly body: SchemaOutput<R['body']>;
}

type HandlerResult<R extends RouteDefinition> = R['response'] extends undefined
  ? Response | undefined
  : SchemaOutput<R['response']>;

export interface Endpoint {
  readonly route: RouteDefinition;
  readonly handle: (ctx: RequestContext, input: RouteInputs<RouteDefinition>) => unknown;
}

/** Binds a handler to a route of the contract. */
export function endpoint<R extends RouteDefinition>(
  route: R,
  handle: (
    ctx: RequestContext,
    input: RouteInputs<R>,
  ) => HandlerResult<R> | Promise<HandlerResult<R>> | (R['response'] extends undefined ? Promise<void> : never),
): Endpoint {
  return { route, handle: handle as Endpoint['handle'] };
}
