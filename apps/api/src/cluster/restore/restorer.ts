import { existsSync, statSync } from 'node:fs';
import { basename, isAbsolute } from 'node:path';
import type { RestoreOperation } from '@quorate/shared/restore';
import type { Hono } from 'hono';
import type { Actor } from '../../commands/define-command';
import { DomainError } from '../../commands/domain-error';
import type { StateStore } from '../../db/state-store';
import { delay } from '../../lib/async';
import { type Clock, toTimestamp } from '../../lib/clock';
import type { Logger } from '../../lib/logger';
import type { Applier } from '../../replication/applier';
import type { Barrier } from '../../replication/barrier';
import type { StoredGenesis } from '../../replication/etcd-log-genesis';
import type { Proposer } from '../../replication/proposer';
import { createSnapshot } from '../../replication/snapshot';
import { findOutcome } from '../../resources/outcomes/routes';
import { clusterInfo } from '../../resources/setup/table';
import type { Journal } from '../journal';
import type { ClusterEnv } from '../listener';
import type { NodeStatus } from '../liveness';
import { liveMembers } from '../members/admission';
import type { PeerClient } from '../peer-client';
import { beginEpoch } from './begin-epoch';
import { restoreCommandId } from './commands';
import { openRestoreDirectory, type RestoreDirectory } from './directory';
import { finishEpoch } from './ended-epoch';
import { createWriteHold, MAX_HOLD_MS } from './hold';
import { createInstaller } from './install';
import { type RestoreMark, restoreMarkSchema } from './mark';
import type { MergeKind } from './merge';
import { type OperationTracker, trackOperation } from './operation';
import { stageOnPeers, waitForSwitch } from './peers';
import { discard, prepareStaged } from './prepare';
import { runSqlInThread } from './sqlite-thread';
import { createStaging } from './staging';
import { checkIntegrity, inspectStateFile, type StateFileFacts } from './state-file-check';

/** A file to restore: brought to `path`, or already brought there. */
export interface RestoreSource {
  readonly name: string;
  /** Puts the file where it is told; it is checked afterwards. */
  readonly fetch: (path: string, directory: RestoreDirectory) => Promise<void>;
  /** Already at this path, which is a temporary file of the restore directory. */
  readonly path?: string;
  /** Where it can be looked at before it is fetched. */
  readonly origin?: string;
}

export interface RestorerDeps {
  readonly nodeId: number;
  readonly dataDir: string;
  readonly migrationsDir: string;
  /** Key prefix of the log in etcd. */
  readonly prefix: string;
  readonly store: StateStore;
  readonly applier: Applier;
  readonly proposer: Proposer;
  readonly journal: () => Journal;
  readonly barrier: Barrier;
  readonly client: PeerClient;
  /** What a peer last said of itself; undefined when it does not answer. */
  readonly statusOf: (nodeId: number) => NodeStatus | undefined;
  readonly refreshKeys: () => Promise<void>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

export interface Restorer {
  /** Stages, switches and reports; see RESTORE_STAGES. The file is looked at before this resolves when it is there already. @throws DomainError */
  start(source: RestoreSource, kind: MergeKind, actor: Actor, id?: string): Promise<RestoreOperation>;
  /** What was begun under an id, here or on a member that answers. @throws DomainError conflict done, and forgotten */
  find(id: string): Promise<RestoreOperation | undefined>;
  /** True from the first check to the end: this node must not be grown meanwhile. */
  readonly busy: boolean;
  /** The newest operation that this node or a member that answers knows of. */
  look(): Promise<RestoreOperation | null>;
  readonly directory: RestoreDirectory;
  /** What a file holds. @throws DomainError backup_not_a_state, … */
  inspect(path: string): StateFileFacts;
  /** Called by the journal when a new epoch begins with a restore. @throws Error when this node cannot switch by itself */
  adopt(genesis: StoredGenesis): Promise<void>;
  /** Called by the journal when a new epoch has begun and entries of the old one are missing here. */
  catchUp(genesis: StoredGenesis): Promise<boolean>;
  /** Adds the paths for peers to the cluster listener's application. */
  serve(app: Hono<ClusterEnv>): void;
  /** Reconciler's work: says what was done in events and audit. */
  run(): Promise<void>;
  /** After `signal` was aborted: waits until nothing is under way any more. */
  stop(): Promise<void>;
}

const SWITCH_TIMEOUT_MS = 120_000;
const POLL_MS = 50;

export function createRestorer(deps: RestorerDeps): Restorer {
  const { nodeId, store, applier, proposer, clock, logger, signal } = deps;
  const directory = openRestoreDirectory(deps.dataDir);
  const hold = createWriteHold(deps);
  const installer = createInstaller({ ...deps, directory });
  const others = () => liveMembers(store.db).filter((member) => member.id !== nodeId);
  const peerTargets = () => others().map((m) => ({ nodeId: m.id, address: m.clusterAddress }));
  const addressOf = (id: number): string | undefined => others().find((m) => m.id === id)?.clusterAddress;
  let current: OperationTracker | undefined;
  let running: Promise<void> = Promise.resolve();
  const operation = (): RestoreOperation | null => current?.view ?? null;
  const inspectStaged = (path: string): void => void inspectStateFile(path, deps.migrationsDir);
  const members = { client: deps.client, addressOf };
  const staging = createStaging({ directory, ...members, inspect: inspectStaged, hold, operation, logger, signal });
  installer.tidy();

  /** What is known without reading the whole file. @throws DomainError */
  function inspect(path: string, kind: MergeKind): StateFileFacts {
    const facts = inspectStateFile(path, deps.migrationsDir);
    const info = store.db.select().from(clusterInfo).get();
    if (kind === 'restore' && info && facts.clusterId !== info.clusterId) {
      const cure = 'to make a new cluster of it, use quorate agent cluster init-from-db on a fresh node';
      const detail = `the file is of the cluster ${facts.clusterName} (${facts.clusterId}), not of this one; ${cure}`;
      throw new DomainError('backup_other_cluster', detail);
    }
    return facts;
  }

  function refuse(kind: MergeKind): void {
    const journal = deps.journal();
    if (current?.view.state === 'running') {
      throw new DomainError('restore_in_progress', 'a restore is running already; see GET /v1/cluster/restore', [], 5);
    }
    if (journal.growing) throw growing();
    if (kind === 'restore') return;
    const info = store.db.select().from(clusterInfo).get();
    const isFresh = journal.mode === 'single' && info?.setUpAt === null && others().length === 0;
    if (isFresh) return;
    const cure = 'use restore-from-db to replace the state of this cluster, or start a node on an empty data directory';
    throw new DomainError('already_set_up', `this node has a state already; ${cure}`);
  }

  /** A copy of the state from before, checked, before anything changes. */
  async function makeSafetyCopy(tracker: OperationTracker): Promise<void> {
    directory.requireSpace(statSync(store.path).size, 'the safety copy of the present state');
    const path = directory.safetyCopy(clock());
    await createSnapshot(store, path);
    // Without a WAL beside it the copy is one file, whoever opens it.
    await runSqlInThread({ path, readonly: false, steps: [{ sql: 'PRAGMA journal_mode = DELETE' }] });
    tracker.update({ safety_backup: path });
  }

  async function switchSingle(mark: RestoreMark): Promise<void> {
    await installer.waitForReaders();
    if (deps.journal().growing) throw growing();
    await proposer.pause();
    try {
      const epoch = applier.position.epoch + 1;
      await installer.install(mark, epoch, Buffer.from(JSON.stringify({ epoch, restore: mark })));
    } catch (error) {
      proposer.attach(deps.journal().log);
      throw error;
    }
    deps.journal().openSingle();
  }

  /** The moment of the change: from the new epoch on, every node switches. */
  async function switchCluster(mark: RestoreMark, client: NonNullable<Journal['engine']>['client']): Promise<void> {
    await installer.waitForReaders();
    const peers = peerTargets();
    try {
      const genesis = await beginEpoch({
        ...deps,
        client,
        restore: mark,
        hold: async () => {
          await Promise.all([hold.hold(MAX_HOLD_MS), staging.askToHold(peers, MAX_HOLD_MS)]);
        },
      });
      await until(() => applier.position.epoch >= genesis.epoch, SWITCH_TIMEOUT_MS);
    } finally {
      hold.release();
      void staging.askToHold(peers, 0);
    }
  }

  async function until(condition: () => boolean, timeoutMs: number): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    while (!condition()) {
      if (performance.now() > deadline || signal.aborted) {
        throw new DomainError(
          'not_ready',
          'the new epoch has begun, and this node has not switched yet; it goes on trying',
        );
      }
      await delay(POLL_MS, signal);
    }
  }

  async function carryOut(tracker: OperationTracker, path: string, actor: Actor): Promise<void> {
    const { kind, source } = tracker.view;
    tracker.enter('checking');
    const facts = inspect(path, kind);
    tracker.update({ file: { ...fileOf(facts), sha256: '' } });
    await checkIntegrity(path);
    tracker.enter('safety_backup');
    await makeSafetyCopy(tracker);
    tracker.enter('preparing');
    directory.requireSpace(facts.bytes + statSync(store.path).size, 'preparing the file');
    directory.removeStaged();
    const staged = await prepareStaged(path, directory, deps.migrationsDir);
    tracker.update({ file: { ...fileOf(facts), ...staged } });
    tracker.enter('staging');
    const engine = deps.journal().engine;
    const members = liveMembers(store.db);
    if (engine) await stageOnPeers({ ...deps, tracker, members, staging, file: staged });
    const mark = {
      operation: tracker.view.id,
      kind,
      node: nodeId,
      sha256: staged.sha256,
      source,
      actor,
      file_epoch: facts.epoch,
      file_index: facts.index,
    };
    tracker.enter('switching');
    if (engine) await switchCluster(mark, engine.client);
    else await switchSingle(mark);
    tracker.update({ epoch: applier.position.epoch });
    tracker.setNode(nodeId, 'switched');
    tracker.enter('finishing');
    await installer.record();
    if (engine) await waitForSwitch({ ...deps, tracker, epoch: applier.position.epoch });
  }

  async function run(tracker: OperationTracker, source: RestoreSource, path: string, actor: Actor): Promise<void> {
    try {
      if (source.path === undefined) await source.fetch(path, directory);
      await carryOut(tracker, path, actor);
      tracker.succeed();
      logger.info({ source: source.name, epoch: tracker.view.epoch }, 'the restore is complete');
    } catch (error) {
      tracker.fail(error);
      if (tracker.view.epoch === null && tracker.view.stage !== 'switching') directory.removeStaged();
      logger.error({ err: error, stage: tracker.view.stage }, 'the restore failed');
    } finally {
      discard(path);
    }
  }

  return {
    directory,
    get busy() {
      return current?.view.state === 'running';
    },
    async look() {
      const own = current?.view;
      if (own?.state === 'running') return own;
      const seen = await staging.askForOperations(peerTargets());
      return [...(own ? [own] : []), ...seen].sort((a, b) => b.started_at.localeCompare(a.started_at))[0] ?? null;
    },
    async find(id) {
      const seen = [operation(), ...(await staging.askForOperations(peerTargets()))].find((one) => one?.id === id);
      if (seen || !findOutcome(store.db, restoreCommandId(id))) return seen ?? undefined;
      const detail = 'the restore under this Idempotency-Key was carried out; use a new key to do it once more';
      throw new DomainError('conflict', detail);
    },
    async start(source, kind, actor, id) {
      refuse(kind);
      const path = source.path ?? directory.temporary();
      const seenAt = source.path ?? source.origin;
      if (seenAt !== undefined) inspect(seenAt, kind);
      if (deps.journal().mode === 'raft') await deps.barrier();
      refuse(kind);
      const name = basename(source.name).slice(0, 255);
      const begin = { kind, node_id: nodeId, source: name, requested_by: actor.name };
      const tracker = trackOperation(id === undefined ? begin : { ...begin, id }, clock);
      const nodes = liveMembers(store.db).map(({ id, name: node }) => ({ id, name: node, state: 'waiting' as const }));
      tracker.update({ nodes });
      current = tracker;
      running = run(tracker, source, path, actor);
      return tracker.view;
    },
    async adopt(genesis) {
      const mark = restoreMarkSchema.parse(genesis.restore);
      staging.forget();
      await installer.install(mark, genesis.epoch, genesis.bytes);
    },
    async catchUp(genesis) {
      const { engine } = deps.journal();
      return engine ? finishEpoch({ ...deps, client: engine.client, next: genesis }) : false;
    },
    inspect: (path) => inspectStateFile(path, deps.migrationsDir),
    serve: (app) => staging.serve(app),
    run: () => installer.record(),
    stop: () => running,
  };
}

const growing = (): DomainError =>
  new DomainError('conflict', 'the node is being grown into a cluster; try again when that is done', [], 5);

const fileOf = (facts: StateFileFacts) => ({
  epoch: facts.epoch,
  index: facts.index,
  last_change_at: toTimestamp(facts.lastAt),
  bytes: facts.bytes,
});

/** A file on this host, given by its path. @throws DomainError validation_failed, not_found, backup_not_a_state */
export function sourceOfPath(path: string): RestoreSource {
  if (!isAbsolute(path)) {
    const detail = `${path} is relative; give the absolute path on the host of the node`;
    throw new DomainError('validation_failed', detail, [{ pointer: '/path', detail: 'must be absolute' }]);
  }
  if (!existsSync(path)) throw new DomainError('not_found', `there is no file ${path} on this host`);
  if (!statSync(path).isFile()) throw new DomainError('backup_not_a_state', `${path} is no file; name the file itself`);
  return { name: path, origin: path, fetch: (to, directory) => directory.copyIn(path, to) };
}
