import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { checkApiCertificate, readApiCertificate } from './api-certificate';
import { advertisedAddresses } from './cluster/addresses';
import { backupJobs } from './cluster/backups/job-kind';
import { establishIdentity } from './cluster/boot';
import { healingSentence, healState, markStateDamaged } from './cluster/damage/state';
import { clusterLevel, liveMembers } from './cluster/members/admission';
import type { Identity } from './cluster/pki/identity';
import { readinessChecks } from './cluster/readiness';
import { type ClusterRuntime, createClusterRuntime } from './cluster/runtime';
import { apiUsesTls, type Config } from './config/derive';
import { type Core, openCore, schemaVersionOf } from './core';
import { createEndpoints } from './endpoints';
import { createLocalEvents, type LocalEvents } from './events/local-events';
import { lastEventSeq } from './events/queries';
import { createHaControl, haCommands } from './ha-nodes';
import { createRevisionReconciler } from './haproxy/revision-reconciler';
import { loadBalancerSource } from './haproxy-source';
import { type AppOptions, createApp } from './http/app';
import type { Endpoint } from './http/endpoint';
import { type Listener, listenSocket, listenTcp } from './http/listen';
import { createMetrics, type Metrics } from './http/metrics';
import { buildOpenApi } from './http/openapi';
import { createPages } from './http/pages';
import { blockListOf } from './http/remote-address';
import { assert } from './lib/assert';
import { type Clock, systemClock } from './lib/clock';
import { lockDirectory } from './lib/directory-lock';
import type { Logger } from './lib/logger';
import { parseHostPort } from './lib/net';
import { programUser } from './lib/program-user';
import { startReconciler } from './reconcile/driver';
import { createAuthenticator, LOCAL_PRINCIPAL } from './resources/session/authenticate';
import { clusterInfo } from './resources/setup/table';
import { createUpstreamSide, type UpstreamSide } from './upstream-side';
import { startWatching, type Watching } from './watching';
import { startWork, type Work } from './work/work';

export interface NodeDeps {
  readonly logger: Logger;
  readonly version: string;
  readonly migrationsDir: string;
  /** The exported console; undefined where none is wanted. */
  readonly webDir: string | undefined;
  /** Called once when something happened after which this process must not go on. */
  readonly onFatal: (error: unknown) => void;
  /** Where each configuration key came from, for the support bundle. */
  readonly origins?: ReadonlyMap<string, string>;
  /** The last lines of the log, for the support bundle. */
  readonly logTail?: () => readonly string[];
  /** Joins the cluster that the configuration names; leaves identity and node.json behind. */
  readonly join: () => Promise<void>;
  readonly clock?: Clock;
}

export interface QuorateNode {
  readonly nodeId: number;
  readonly url: string;
  readonly setupCode: string;
  readonly endpoints: readonly Endpoint[];
  readonly cluster: ClusterRuntime;
  setupNeeded(): boolean;
  /** Resolves when a cluster has added this node: it is to be stopped and started anew, as a member. */
  readonly added: Promise<void>;
  /** Stops accepting, finishes what runs, hands leadership over, closes files. */
  stop(): Promise<void>;
}

/** Running requests get this long when the node stops. */
const STOP_GRACE_MS = 3_000;

/** A code that people can read out: 12 letters and digits without look-alikes, about 60 bits. */
function createSetupCode(): string {
  const alphabet = 'ABCDEFGHJKLMNPQRSTUVWXYZ23456789';
  const letters = [...randomBytes(12)].map((byte) => alphabet[byte % alphabet.length]).join('');
  return letters.replace(/(.{4})(?=.)/g, '$1-');
}

/** Starts a node: everything is wired here. @throws errors that name their cure (BootError, ListenError, …) */
export async function startNode(config: Config, deps: NodeDeps): Promise<QuorateNode> {
  const { logger } = deps;
  const clock = deps.clock ?? systemClock;
  // Before anything is begun: a wrong file must not leave a half-made node behind.
  if (config.api.tls.mode === 'files') checkApiCertificate(config.api.tls, clock(), logger);
  const user = await programUser(config.workers.user, 'workers.user');
  const unlock = lockDirectory(config.data_dir);
  const undo: (() => unknown)[] = [unlock];
  try {
    let cluster: ClusterRuntime | undefined;
    const metrics = createMetrics();
    const { migrationsDir } = deps;
    const knownSchema = schemaVersionOf(migrationsDir);
    const healing = await healState({ dataDir: config.data_dir, knownSchema, nowMs: clock(), logger });
    const onFatal = (error: unknown): void => {
      markStateDamaged(config.data_dir, error);
      deps.onFatal(error);
    };
    const core = openCore({
      config,
      metrics,
      migrationsDir,
      clock,
      logger,
      onFatal,
      nodeId: () => cluster?.nodeId ?? 0,
      clusterLevel: () => clusterLevel(core.store.db),
      quorumHeld: () => cluster?.journal.quorumHeld() ?? true,
      removed: () => cluster?.journal.health === 'removed',
      clockRefusal: () => cluster?.clockGuard.refusal(),
    });
    undo.push(() => core.store.close());
    const stateInitialized = core.isInitialized();
    const { version } = deps;
    const boot = await establishIdentity({ config, version, clock, logger, stateInitialized, join: deps.join });
    const localEvents: LocalEvents = createLocalEvents({
      file: join(config.data_dir, 'local-events.jsonl'),
      nodeId: boot.nodeFile.node_id,
      clock,
      logger,
      lastSeq: () => lastEventSeq(core.store.db),
      appliedIndex: () => core.applier.position.index,
      term: () => cluster?.journal.raft?.current.term ?? null,
    });
    if (healing) localEvents.record('state.damaged', healingSentence(healing), { aside: healing.aside });
    cluster = createClusterRuntime({
      ...core,
      config,
      boot,
      version,
      migrationsDir,
      clock,
      logger,
      localEvents,
      onFatal,
    });
    const runtime = cluster;
    undo.push(() => runtime.stop());
    await runtime.open();
    const revisions = startReconciler(
      createRevisionReconciler({
        isLeader: () => runtime.view.leaderId() === runtime.nodeId,
        db: () => core.store.db,
        source: loadBalancerSource,
        clock,
        proposer: core.proposer,
      }),
      logger,
    );
    undo.push(() => revisions.stop());
    const setupCode = createSetupCode();
    const { origins, logTail = () => [] } = deps;
    const common = { config, clock, core, cluster: runtime, metrics, setupCode };
    const watching = startWatching({ ...common, logger, version, origins, logTail });
    undo.push(() => watching.stop());
    const work = startWork({
      ...{ dataDir: config.data_dir, workers: config.workers, user, version, clock, logger },
      host: parseHostPort(advertisedAddresses(config).cluster)?.host ?? '',
      node: { id: runtime.nodeId, name: runtime.name },
      db: () => core.store.db,
      applier: core.applier,
      propose: core.proposer.propose,
      isLeader: () => runtime.view.leaderId() === runtime.nodeId && runtime.journal.quorumHeld(),
      quorumHeld: runtime.journal.quorumHeld,
      removed: () => runtime.journal.health === 'removed',
      nodeSeenAt: runtime.seenAt,
      runners: runtime.runners,
      outputs: runtime.outputs,
      jobKinds: [backupJobs(version)],
      cores: () => liveMembers(core.store.db),
      barrier: runtime.barrier,
      metrics: metrics.registry,
      ha: { control: createHaControl(runtime, core.proposer.propose), commands: haCommands },
    });
    undo.push(() => work.stop());
    const upstream = createUpstreamSide({ ...common, logger, version, watching, metrics: metrics.registry });
    const api = await openPublicApi({ ...common, deps, watching, work, upstream });
    undo.push(() => api.close());
    upstream.start(api.upstreamFetch);
    return {
      nodeId: runtime.nodeId,
      cluster: runtime,
      ...api,
      added: runtime.waiting.admitted,
      setupNeeded: () => core.store.db.select().from(clusterInfo).get()?.setUpAt === null,
      async stop() {
        // First: another node is to take over while this one still finishes what runs.
        await upstream.stop();
        await api.close();
        if (runtime.journal.mode === 'raft' && runtime.view.leaderId() === runtime.nodeId)
          await runtime.announce(runtime.nodeId, 'shutdown', '');
        await work.stop();
        await watching.stop();
        core.proposer.close();
        await revisions.stop();
        await runtime.stop();
        core.store.close();
        unlock();
      },
    };
  } catch (error) {
    for (const step of undo.reverse()) await step();
    throw error;
  }
}

interface PublicApiParts {
  readonly config: Config;
  readonly deps: NodeDeps;
  readonly clock: Clock;
  readonly core: Core;
  readonly cluster: ClusterRuntime;
  readonly metrics: Metrics;
  readonly setupCode: string;
  readonly watching: Watching;
  readonly work: Work;
  readonly upstream: UpstreamSide;
}

/** The public listener and the agent socket, over the same endpoints. */
async function openPublicApi(parts: PublicApiParts) {
  const { config, deps, clock, core, cluster, metrics, setupCode, watching, work, upstream } = parts;
  const { logger, version } = deps;
  const stopping = new AbortController();
  const { keyring } = cluster;
  const { proposer, applier, store } = core;
  const endpoints = createEndpoints({
    config,
    cluster,
    version,
    setupCode,
    secureCookies: apiUsesTls(config),
    clock,
    proposer,
    ...watching,
    work,
    connector: upstream.endpointDeps,
    onStreams: metrics.eventStreams,
    checks: () => readinessChecks(cluster, applier),
    metrics: metrics.registry,
    stopping: stopping.signal,
    db: () => store.db,
  });
  const common: Omit<AppOptions, 'authenticate'> = {
    endpoints,
    store,
    applier,
    proposer,
    barrier: cluster.barrier,
    nodeId: () => cluster.nodeId,
    deriveKey: () => keyring.deriveKey(),
    trustedProxies: blockListOf(config.api.trusted_proxies),
    logger,
    observe: metrics.observe,
  };
  const authenticate = createAuthenticator({
    db: () => store.db,
    sessionKeys: () => keyring.sessionKeys(),
    clock,
    appliedIndex: () => applier.position.index,
  });
  const openApi = buildOpenApi(
    endpoints.map((item) => item.route),
    version,
  );
  const api = createApp({ ...common, authenticate, pages: createPages({ openApi, webDir: deps.webDir }) });
  const overConnector = createApp({ ...common, authenticate: async () => upstream.principal() });
  const local = createApp({ ...common, authenticate: async () => LOCAL_PRINCIPAL, local: true });
  const listeners: Listener[] = [];
  try {
    listeners.push(await listenSocket(join(config.data_dir, 'agent.sock'), local.fetch as never));
    listeners.push(await listenPublic(config, cluster, api.fetch as never));
  } catch (error) {
    for (const listener of listeners) await listener.close(0);
    throw error;
  }
  return {
    url: listeners[1]?.url ?? '',
    setupCode,
    endpoints,
    upstreamFetch: (request: Request) => overConnector.fetch(request, {} as never),
    async close() {
      stopping.abort();
      await Promise.all(listeners.map((listener) => listener.close(STOP_GRACE_MS)));
    },
  };
}

async function listenPublic(config: Config, cluster: ClusterRuntime, fetch: Parameters<typeof listenTcp>[0]['fetch']) {
  const address = parseHostPort(config.api.address);
  assert(address, 'api.address is host:port');
  const configKey = 'api.address';
  if (!apiUsesTls(config)) return listenTcp({ ...address, tls: undefined, fetch, configKey });
  const { cert, key, mode } = config.api.tls;
  if (mode === 'files') {
    return listenTcp({ ...address, tls: readApiCertificate({ cert, key }), fetch, configKey });
  }
  // The CA goes along, so that a client can pin its fingerprint.
  const own = ({ certPem, caPem, keyPem }: Identity) => ({ cert: `${certPem.trim()}\n${caPem}`, key: keyPem });
  const listener = await listenTcp({ ...address, tls: own(cluster.identity()), fetch, configKey });
  cluster.onIdentity((identity) => listener.setTls(own(identity)));
  return listener;
}
