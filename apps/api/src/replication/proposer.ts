import { keyReused, type Outcome } from '../commands/apply-entry';
import type { Actor, AnyCommand, CommandDefinition } from '../commands/define-command';
import { DomainError } from '../commands/domain-error';
import { type CommandEnvelope, encodeEntry } from '../commands/entry';
import { type Deferred, deferred, delay } from '../lib/async';
import type { Clock } from '../lib/clock';
import { uuidv7 } from '../lib/ids';
import type { Logger } from '../lib/logger';
import type { Applier } from './applier';
import { AppendUnknown, EpochChanged, type Log, LogUnavailable, MAX_ENTRY_BYTES } from './log';

export interface ProposeOptions {
  readonly actor: Actor;
  /** The exactly-once key. The same id is never applied twice. */
  readonly id: string;
  readonly fingerprint?: string;
  /** Total budget in ms; afterwards the answer is no_quorum (never sent) or outcome_unknown. */
  readonly timeoutMs?: number;
}

export interface Proposed<Result> {
  readonly index: number;
  readonly result: Result;
}

/** The write was sent and its fate is not known; the same id may be asked for later. */
export class OutcomeUnknown extends Error {
  override readonly name = 'OutcomeUnknown';
  constructor(readonly commandId: string) {
    super(`the outcome of command ${commandId} is not known yet`);
  }
}

/** A command that goes at the end of an entry because of what else is in it. */
export interface FollowUp {
  readonly command: AnyCommand;
  readonly input: unknown;
}

export interface ProposerOptions {
  readonly applier: Applier;
  readonly nodeId: () => number;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Highest feature level that every member understands. */
  readonly clusterLevel: () => number;
  /** False when the node knows that there is no quorum: writes are refused at once instead of waiting. */
  readonly quorumHeld: () => boolean;
  /** True once this node is out of its cluster: it writes nothing any more. */
  readonly removed?: () => boolean;
  /** Why this node's clock must not date commands, or undefined. */
  readonly clockRefusal?: () => DomainError | undefined;
  readonly defaultTimeoutMs?: number;
  /**
   * What is to be done about the commands of these types, in the entry that holds them: it saves a round through the log.
   * Nobody hears of its outcome, and it may come again with what is sent again: only for what a repetition does not harm.
   */
  readonly followUp?: (types: ReadonlySet<string>) => FollowUp | undefined;
}

export interface Proposer {
  propose<Input, Result>(
    command: CommandDefinition<Input, Result>,
    input: Input,
    options: ProposeOptions,
  ): Promise<Proposed<Result>>;
  /**
   * Uses `log` from now on; what is queued goes there. So does what went into a log of another epoch and has not come out
   * of it: it never will.
   */
  attach(log: Log): void;
  /** Holds new batches and resolves when those in flight are settled. */
  pause(): Promise<void>;
  /** After a snapshot was installed: settles commands whose outcome the new state already holds. */
  settleFrom(lookup: (id: string) => { index: number; outcome: Outcome } | undefined): void;
  readonly queued: number;
  close(): void;
}

interface Pending {
  readonly id: string;
  readonly type: string;
  readonly serialized: string;
  readonly bytes: number;
  readonly fingerprint: string;
  readonly done: Deferred<Proposed<unknown>>;
  /** On the clock of `performance.now()`, ms. */
  readonly deadline: number;
  /**
   * Who has it, one at a time: two sends at once could not tell of each other what became of it. `appending`: it may be
   * written at any moment. `retrying`: it was not, or nobody knows; it comes back into the queue. `appended`: it is to be read.
   */
  place: 'queued' | 'appending' | 'retrying' | 'appended';
  /** Sent at least once without a clear no: from then on the outcome may be unknown. */
  maybeSent: boolean;
  settled: boolean;
}

const MAX_BATCH_COMMANDS = 500;
const MAX_QUEUE = 20_000;
const MAX_QUEUE_BYTES = 64 * 1024 * 1024;
/** Room for the entry's own JSON around the commands, and for what follows them. */
const MAX_BATCH_BYTES = MAX_ENTRY_BYTES - 1024;
/**
 * In flight at once: etcd commits them in order of arrival, the round trips overlap. More make more and smaller entries, and
 * each entry costs every member and every node a share of its own.
 */
const MAX_IN_FLIGHT = 2;
const RETRY_DELAY_MS = 25;
const FIRST_LEVEL = 1;
/** How late a command may be given up: one timer for all is cheaper than one each. */
const EXPIRY_CHECK_MS = 50;
const DEFAULT_TIMEOUT_MS = 5_000;

/** Group commit with pipelining: what arrives while batches are in flight forms the next batch. */
export function createProposer(options: ProposerOptions): Proposer {
  const { applier, clock, logger } = options;
  const defaultTimeoutMs = options.defaultTimeoutMs ?? DEFAULT_TIMEOUT_MS;
  const pending = new Map<string, Pending>();
  let pendingBytes = 0;
  let queue: Pending[] = [];
  let log: Log | undefined;
  let inFlight = 0;
  let paused = false;
  let closed = false;
  let pumpScheduled = false;
  let idle: Deferred<void> | undefined;
  const stopping = new AbortController();
  let expiry: NodeJS.Timeout | undefined;

  function watchDeadlines(): void {
    expiry ??= setTimeout(() => {
      expiry = undefined;
      const now = performance.now();
      const late = [...pending.values()].filter((item) => item.deadline <= now);
      for (const item of late) expire(item, unwritable);
      // A log that is held takes nothing from the queue: what was given up must not stay in memory until it does.
      if (late.length > 0) queue = queue.filter((item) => !item.settled);
      if (pending.size > 0) watchDeadlines();
    }, EXPIRY_CHECK_MS);
  }

  function settle(item: Pending, finish: (done: Pending['done']) => void): void {
    if (item.settled) return;
    item.settled = true;
    pending.delete(item.id);
    pendingBytes -= item.bytes;
    finish(item.done);
  }

  function settleWithOutcome(item: Pending, index: number, outcome: Outcome): void {
    settle(item, (done) => {
      if (outcome.ok) done.resolve({ index, result: outcome.result });
      else done.reject(new DomainError(outcome.code, outcome.detail, outcome.errors, outcome.retryAfter));
    });
  }

  const unsubscribe = applier.onApplied((entry) => {
    for (const command of entry.commands) {
      const item = pending.get(command.id);
      if (item) settleWithOutcome(item, command.index, command.outcome);
    }
  });

  const unwritable = (): DomainError => (options.removed?.() ? nodeRemoved() : noQuorum());

  /** Gives up on a command; `unsent` is the answer when it is certain that nothing was written. */
  function expire(item: Pending, unsent: () => Error): void {
    settle(item, (done) =>
      done.reject(item.maybeSent || item.place === 'appending' ? new OutcomeUnknown(item.id) : unsent()),
    );
  }

  function takeBatch(): Pending[] {
    const batch: Pending[] = [];
    let bytes = 0;
    let taken = 0;
    for (const item of queue) {
      if (batch.length >= MAX_BATCH_COMMANDS || bytes + item.bytes > MAX_BATCH_BYTES) break;
      taken += 1;
      if (item.settled) continue;
      batch.push(item);
      bytes += item.bytes + 1;
    }
    queue = queue.slice(taken);
    return batch;
  }

  function schedulePump(): void {
    if (pumpScheduled) return;
    pumpScheduled = true;
    // A replicated log fills batches while others are in flight. The embedded one commits at once, so it waits for
    // what else this turn of the event loop brings.
    if (log?.kind === 'local') setImmediate(pump);
    else process.nextTick(pump);
  }

  function pump(): void {
    pumpScheduled = false;
    while (log && !paused && !closed && inFlight < MAX_IN_FLIGHT && queue.length > 0) {
      const batch = takeBatch();
      if (batch.length > 0) void send(log, batch);
    }
  }

  async function send(target: Log, batch: Pending[]): Promise<void> {
    inFlight += 1;
    for (const item of batch) item.place = 'appending';
    try {
      await target.append(encodeEntry([...batch.map((item) => item.serialized), ...followUpOf(batch)]));
      for (const item of batch) {
        item.place = 'appended';
        item.maybeSent = true;
      }
      // It went behind the end of its epoch: this node is in the next one by now.
      if (log && log.epoch !== target.epoch) requeue(batch);
    } catch (error) {
      await handleFailure(batch, error);
    } finally {
      inFlight -= 1;
      if (inFlight === 0) {
        idle?.resolve();
        idle = undefined;
      }
      schedulePump();
    }
  }

  function followUpOf(batch: readonly Pending[]): string[] {
    const found = options.followUp?.(new Set(batch.map(({ type }) => type)));
    if (!found) return [];
    const { type, since } = found.command;
    const node = options.nodeId();
    const actor: Actor = { kind: 'node', id: String(node), name: `node-${node}` };
    const own = { id: uuidv7(), type, since, at: clock(), actor, node, fingerprint: '', input: found.input };
    return [JSON.stringify(own satisfies CommandEnvelope)];
  }

  async function handleFailure(batch: Pending[], error: unknown): Promise<void> {
    for (const item of batch) item.place = 'retrying';
    if (error instanceof AppendUnknown) {
      for (const item of batch) item.maybeSent = true;
    } else if (!(error instanceof LogUnavailable || error instanceof EpochChanged)) {
      // The applier says it once, not for every write.
      if (error !== applier.diskFull) logger.error({ err: error }, 'appending to the log failed');
      for (const item of batch)
        settle(item, (done) => done.reject(item.maybeSent ? new OutcomeUnknown(item.id) : error));
      return;
    }
    logger.debug({ err: error, commands: batch.length }, 'append did not succeed; trying again');
    await delay(RETRY_DELAY_MS, stopping.signal);
    requeue(batch);
  }

  function requeue(items: readonly Pending[]): void {
    for (const item of items) item.place = 'queued';
    queue = [...items.filter((item) => !item.settled), ...queue];
  }

  function enqueue(envelope: CommandEnvelope, timeoutMs: number): Promise<Proposed<unknown>> {
    const serialized = JSON.stringify(envelope);
    const bytes = Buffer.byteLength(serialized);
    if (bytes > MAX_BATCH_BYTES) {
      throw new DomainError(
        'body_too_large',
        `the write needs ${bytes} bytes, ${MAX_BATCH_BYTES} are allowed; send less at once`,
      );
    }
    const done = deferred<Proposed<unknown>>();
    const { id, type, fingerprint } = envelope;
    const deadline = performance.now() + timeoutMs;
    const fresh = { place: 'queued' as const, maybeSent: false, settled: false };
    const item: Pending = { id, type, fingerprint, serialized, bytes, done, deadline, ...fresh };
    pending.set(id, item);
    pendingBytes += bytes;
    queue.push(item);
    watchDeadlines();
    schedulePump();
    return done.promise;
  }

  function refuseEarly(since: number): void {
    if (closed) throw nodeStopping();
    const waiting = pending.size;
    if (waiting >= MAX_QUEUE || pendingBytes >= MAX_QUEUE_BYTES) {
      throw new DomainError('overloaded', `${waiting} writes are waiting already; try again shortly`, [], 1);
    }
    if (!options.quorumHeld()) throw unwritable();
    // What this node cannot apply, it cannot answer. The embedded log finds out by itself, and writes nothing then.
    if (applier.diskFull && log?.kind !== 'local') throw applier.diskFull;
    const misdated = options.clockRefusal?.();
    if (misdated) throw misdated;
    // Every build knows the first level, so what most commands need is not looked up.
    if (since === FIRST_LEVEL) return;
    const level = options.clusterLevel();
    if (since > level) {
      const detail = `this needs feature level ${since}; the oldest member is at ${level}: upgrade it first`;
      throw new DomainError('upgrade_required', detail);
    }
  }

  return {
    async propose(command, input, { actor, id, fingerprint = '', timeoutMs = defaultTimeoutMs }) {
      type Result = ReturnType<(typeof command)['apply']>;
      const known = pending.get(id);
      if (known && known.fingerprint !== fingerprint) throw keyReused();
      if (known) return known.done.promise as Promise<Proposed<Result>>;
      refuseEarly(command.since);
      const { type, since } = command;
      const envelope = {
        id,
        type,
        since,
        at: clock(),
        actor,
        node: options.nodeId(),
        fingerprint,
        input: checked(command, input),
      };
      return enqueue(envelope, timeoutMs) as Promise<Proposed<Result>>;
    },
    attach(next) {
      if (log && log.epoch !== next.epoch) requeue([...pending.values()].filter(({ place }) => place === 'appended'));
      log = next;
      paused = false;
      schedulePump();
    },
    async pause() {
      paused = true;
      if (inFlight === 0) return;
      idle ??= deferred();
      await idle.promise;
    },
    settleFrom(lookup) {
      for (const item of [...pending.values()]) {
        const known = lookup(item.id);
        if (known) settleWithOutcome(item, known.index, known.outcome);
      }
    },
    get queued() {
      return pending.size;
    },
    close() {
      closed = true;
      clearTimeout(expiry);
      stopping.abort();
      unsubscribe();
      for (const item of [...pending.values()]) expire(item, nodeStopping);
    },
  };
}

/** Apply trusts its input, on every node: what does not fit must never enter the log. @throws Error naming the command */
function checked<Input>(command: CommandDefinition<Input, unknown>, input: Input): Input {
  const parsed = command.input.safeParse(input);
  if (parsed.success) return parsed.data;
  throw new Error(`the input of ${command.type} is not valid`, { cause: parsed.error });
}

const nodeStopping = (): DomainError =>
  new DomainError('not_ready', 'the node is stopping; send the request to another node');

const nodeRemoved = (): DomainError =>
  new DomainError(
    'not_ready',
    'this node was removed from its cluster, so nothing was written; send the request to another node',
  );

export const noQuorum = (): DomainError =>
  new DomainError(
    'no_quorum',
    'a majority of the voters cannot be reached, so nothing was written; reads go on. Bring members back, see GET /v1/cluster',
    [],
    2,
  );
