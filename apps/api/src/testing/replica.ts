import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CommandDefinition, CommandRegistry } from '../commands/define-command';
import { type Durability, openStateStore, type StateStore } from '../db/state-store';
import { type Clock, systemClock } from '../lib/clock';
import { silentLogger } from '../lib/logger';
import { type Applier, createApplier, type FollowEnd } from '../replication/applier';
import { type Barrier, createBarrier } from '../replication/barrier';
import { createLocalLog } from '../replication/local-log';
import type { Log } from '../replication/log';
import {
  createProposer,
  type Proposed,
  type ProposeOptions,
  type Proposer,
  type ProposerOptions,
} from '../replication/proposer';
import { MIGRATIONS_DIR } from './state';
import { TEST_ACTOR, testRegistry } from './test-commands';

export interface ReplicaOptions {
  /** Which log to use; `local` makes an embedded one over the state file itself. */
  readonly log: Log | 'local';
  readonly nodeId?: number;
  readonly registry?: CommandRegistry;
  readonly clock?: Clock;
  readonly durability?: Durability;
  readonly clusterLevel?: () => number;
  readonly quorumHeld?: () => boolean;
  readonly timeoutMs?: number;
  readonly followUp?: ProposerOptions['followUp'];
}

/** State file, applier, proposer and barrier of one node over any log, in this process and without HTTP. */
export interface Replica {
  readonly directory: string;
  readonly store: StateStore;
  readonly applier: Applier;
  readonly proposer: Proposer;
  readonly barrier: Barrier;
  readonly log: Log;
  /** What the applier called fatal. */
  readonly fatal: readonly unknown[];
  /** How following the log ended; undefined while it goes on. */
  readonly followEnd: FollowEnd | undefined;
  propose<Input, Result>(
    command: CommandDefinition<Input, Result>,
    input: Input,
    options?: Partial<ProposeOptions>,
  ): Promise<Proposed<Result>>;
  /** Starts and stops reading the log: a slow or stuck applier. */
  follow(on: boolean): Promise<void>;
  /** Follows, and proposes to, another log from now on. */
  use(log: Log): Promise<void>;
  /** Closes the file and opens it again, as a restarted process would. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

let lastId = 0;

export async function startReplica(options: ReplicaOptions): Promise<Replica> {
  const directory = mkdtempSync(join(tmpdir(), 'quorate-replica-'));
  const logger = silentLogger();
  const fatal: unknown[] = [];
  let given = options.log;
  let following: { stop: AbortController; ended: Promise<void> } | undefined;
  let followEnd: FollowEnd | undefined;
  let parts = open();

  function open() {
    const store = openStateStore({
      path: join(directory, 'state.db'),
      migrationsDir: MIGRATIONS_DIR,
      durability: options.durability ?? 'NORMAL',
    });
    const onFatal = (error: unknown): void => void fatal.push(error);
    const applier = createApplier({ store, registry: options.registry ?? testRegistry, logger, onFatal });
    const proposer = createProposer({
      applier,
      nodeId: () => options.nodeId ?? 1,
      clock: options.clock ?? systemClock,
      logger,
      clusterLevel: options.clusterLevel ?? (() => 1),
      quorumHeld: options.quorumHeld ?? (() => true),
      defaultTimeoutMs: options.timeoutMs ?? 5_000,
      ...(options.followUp ? { followUp: options.followUp } : {}),
    });
    const { epoch, index: tip } = applier.position;
    const log = given === 'local' ? createLocalLog({ epoch, tip, commit: (entry) => applier.apply(entry) }) : given;
    const barrier = createBarrier({ log: () => log, applier, timeoutMs: options.timeoutMs ?? 5_000 });
    proposer.attach(log);
    return { store, applier, proposer, log, barrier };
  }

  async function follow(on: boolean): Promise<void> {
    if (!on) {
      following?.stop.abort();
      await following?.ended;
      following = undefined;
      return;
    }
    if (following || parts.log.kind === 'local') return;
    const stop = new AbortController();
    followEnd = undefined;
    const ended = parts.applier.follow(parts.log, stop.signal).then((end) => {
      followEnd = end;
    });
    following = { stop, ended };
  }

  async function close(): Promise<void> {
    await follow(false);
    parts.proposer.close();
    parts.store.close();
  }

  await follow(true);
  return {
    directory,
    get store() {
      return parts.store;
    },
    get applier() {
      return parts.applier;
    },
    get proposer() {
      return parts.proposer;
    },
    get barrier() {
      return parts.barrier;
    },
    get log() {
      return parts.log;
    },
    fatal,
    get followEnd() {
      return followEnd;
    },
    propose(command, input, more = {}) {
      lastId += 1;
      return parts.proposer.propose(command, input, { actor: TEST_ACTOR, id: `test-${lastId}`, ...more });
    },
    follow,
    async use(log) {
      await follow(false);
      given = log;
      parts = { ...parts, log };
      await follow(true);
      parts.proposer.attach(log);
    },
    async restart() {
      await close();
      parts = open();
      await follow(true);
    },
    async stop() {
      await close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** What `test.put` and `test.append` have stored. */
export function storedValues(replica: Replica): Record<string, string> {
  const rows = replica.store.db.$client
    .prepare<[], { name: string; jwe: string }>('SELECT name, jwe FROM cluster_secrets ORDER BY name')
    .all();
  return Object.fromEntries(rows.map((row) => [row.name, row.jwe]));
}
