import { type Client, type ClientDuplexStream, Metadata, type ServiceError } from '@grpc/grpc-js';
import type { Logger } from '../../lib/logger';
import { type Channels, createChannels, type EtcdTls } from './channels';
import { classify, EtcdError, isWorthAnotherEndpoint } from './errors';
import {
  methodDefinition,
  type UnaryMethod,
  type UnaryMethods,
  type WatchCreateRequest,
  type WatchResponse,
} from './proto';

export interface EtcdClientOptions {
  /** Client URLs, the local member first. Asked before each call, so membership changes need no call here. */
  readonly endpoints: () => readonly string[];
  readonly tls: EtcdTls | null;
  readonly log: Logger;
  /** For one attempt at one endpoint; default 1000. */
  readonly deadlineMs?: number;
}

export interface CallOptions {
  /**
   * `safe`: repeating is harmless, so every endpoint is tried once. `unsent`: the next endpoint is tried only while
   * it is certain that nothing was done.
   */
  readonly retry: 'safe' | 'unsent';
  /** Only this member, in place of the client's endpoints. */
  readonly endpoint?: string;
  /** One attempt's bound in place of the client's. */
  readonly deadlineMs?: number;
  /** A member without a leader refuses at once instead of hanging (default true; off for `Status`). */
  readonly requireLeader?: boolean;
  readonly signal?: AbortSignal;
}

export interface EtcdWatch {
  readonly endpoint: string;
  /** Messages in order, pulled: a slow consumer stops the stream by HTTP/2 flow control. Throws EtcdError at its end. */
  readonly responses: AsyncIterable<WatchResponse>;
  /** Idempotent; `responses` then ends with an EtcdError of kind `cancelled`. */
  cancel(): void;
}

export interface EtcdClient {
  /** @throws EtcdError of the last attempt */
  call<M extends UnaryMethod>(
    method: M,
    request: UnaryMethods[M][0],
    options: CallOptions,
  ): Promise<UnaryMethods[M][1]>;
  /** Opens one watch on its own stream, at the first endpoint that connects. @throws EtcdError */
  watch(request: WatchCreateRequest): Promise<EtcdWatch>;
  /** As listed now, those that failed lately last. */
  endpoints(): readonly string[];
  /** Puts an endpoint behind the others for a while (a watch there stalled). */
  avoid(endpoint: string): void;
  /** For certificate rotation. */
  setTls(tls: EtcdTls | null): void;
  close(): void;
}

const WATCH = methodDefinition('Watch', 'Watch');

/** A client of etcd's v3 API over grpc-js. It hides which member answers, and never whether something was done. */
export function createEtcdClient(options: EtcdClientOptions): EtcdClient {
  const channels = createChannels(options.endpoints, options.tls);
  const attemptMs = options.deadlineMs ?? 1000;
  let closed = false;

  async function call<M extends UnaryMethod>(
    method: M,
    request: UnaryMethods[M][0],
    callOptions: CallOptions,
  ): Promise<UnaryMethods[M][1]> {
    const endpoints = callOptions.endpoint ? [callOptions.endpoint] : channels.ordered();
    let last: EtcdError | null = null;
    for (const endpoint of endpoints) {
      if (closed || callOptions.signal?.aborted) break;
      try {
        const answer = await attempt(endpoint, method, request, callOptions);
        channels.warm(endpoint);
        return answer;
      } catch (error) {
        if (!(error instanceof EtcdError)) throw error;
        last = error;
        if (!isWorthAnotherEndpoint(error) || error.kind === 'cancelled') throw error;
        channels.cool(endpoint);
        options.log.debug({ endpoint, method, kind: error.kind }, 'etcd call failed');
        if (callOptions.retry === 'unsent' && error.outcome === 'unknown') throw error;
      }
    }
    if (closed) throw new EtcdError('the etcd client is closed', 'unreachable', 'not_done', '');
    throw last ?? new EtcdError('no etcd endpoint is known', 'unreachable', 'not_done', '');
  }

  async function attempt<M extends UnaryMethod>(
    endpoint: string,
    method: M,
    request: UnaryMethods[M][0],
    callOptions: CallOptions,
  ): Promise<UnaryMethods[M][1]> {
    const boundMs = callOptions.deadlineMs ?? attemptMs;
    if (!(await channels.connected(endpoint, boundMs))) {
      throw new EtcdError(`etcd ${endpoint}: cannot connect`, 'unreachable', 'not_done', endpoint);
    }
    if (callOptions.signal?.aborted) {
      throw new EtcdError(`etcd ${endpoint}: given up before it was asked`, 'cancelled', 'not_done', endpoint);
    }
    return unary(channels.client(endpoint), endpoint, method, request, boundMs, callOptions);
  }

  async function watch(request: WatchCreateRequest): Promise<EtcdWatch> {
    for (const endpoint of channels.ordered()) {
      if (closed) break;
      if (await channels.connected(endpoint, attemptMs)) return openWatch(channels, endpoint, request);
      channels.cool(endpoint);
    }
    throw new EtcdError('no etcd endpoint can be reached', 'unreachable', 'not_done', '');
  }

  return {
    call,
    watch,
    endpoints: () => channels.ordered(),
    avoid: (endpoint) => channels.cool(endpoint),
    setTls: (tls) => channels.setTls(tls),
    close() {
      closed = true;
      channels.close();
    },
  };
}

function unary<M extends UnaryMethod>(
  client: Client,
  endpoint: string,
  method: M,
  request: UnaryMethods[M][0],
  boundMs: number,
  options: CallOptions,
): Promise<UnaryMethods[M][1]> {
  const definition = definitionOf(method);
  return new Promise((resolve, reject) => {
    const call = client.makeUnaryRequest(
      definition.path,
      definition.requestSerialize,
      definition.responseDeserialize,
      request,
      leaderMetadata(options.requireLeader ?? true),
      { deadline: Date.now() + boundMs },
      (error: ServiceError | null, response?: object) => {
        options.signal?.removeEventListener('abort', cancel);
        if (error) reject(classify(error, endpoint));
        else resolve(response as UnaryMethods[M][1]);
      },
    );
    const cancel = (): void => call.cancel();
    options.signal?.addEventListener('abort', cancel, { once: true });
  });
}

const definitionCache = new Map<UnaryMethod, ReturnType<typeof methodDefinition>>();

function definitionOf(method: UnaryMethod): ReturnType<typeof methodDefinition> {
  const known = definitionCache.get(method);
  if (known) return known;
  const [service = '', name = ''] = method.split('.');
  const definition = methodDefinition(service, name);
  definitionCache.set(method, definition);
  return definition;
}

function leaderMetadata(requireLeader: boolean): Metadata {
  const metadata = new Metadata();
  if (requireLeader) metadata.set('hasleader', 'true');
  return metadata;
}

function openWatch(channels: Channels, endpoint: string, request: WatchCreateRequest): EtcdWatch {
  const stream: ClientDuplexStream<object, object> = channels
    .client(endpoint)
    .makeBidiStreamRequest(WATCH.path, WATCH.requestSerialize, WATCH.responseDeserialize, leaderMetadata(true));
  // Errors that arrive while nobody iterates must not become uncaught exceptions; iterating still sees them.
  stream.on('error', () => {});
  stream.write({ create_request: { ...request, fragment: true } });
  return { endpoint, responses: pull(stream, endpoint), cancel: () => stream.cancel() };
}

async function* pull(stream: ClientDuplexStream<object, object>, endpoint: string): AsyncGenerator<WatchResponse> {
  try {
    for await (const message of stream) yield message as WatchResponse;
  } catch (error) {
    throw classify(error as ServiceError, endpoint);
  }
  throw new EtcdError(`etcd ${endpoint}: the watch stream ended`, 'unreachable', 'not_done', endpoint);
}
