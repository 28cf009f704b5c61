import { statSync } from 'node:fs';
import { join } from 'node:path';
import { backupFigures } from './cluster/backups/figures';
import { termAt } from './cluster/leadership/queries';
import { inspectCertificate } from './cluster/pki/inspect';
import { readinessChecks } from './cluster/readiness';
import type { ClusterRuntime } from './cluster/runtime';
import type { Config } from './config/derive';
import { renderConfig } from './config/render';
import type { Core } from './core';
import type { StateDb } from './db/state-store';
import { createEventBus, type EventBus } from './events/bus';
import { createEventLog, type EventLog } from './events/event-log';
import { startFileSink } from './events/file-sink';
import type { Metrics, MetricsSource } from './http/metrics';
import type { Clock } from './lib/clock';
import type { Logger } from './lib/logger';
import { startReconciler } from './reconcile/driver';
import { clusterInfo } from './resources/setup/table';
import type { SupportBundleDeps } from './resources/support-bundle/routes';
import { createWebhookDelivery } from './resources/webhooks/delivery';
import { secretNameOf, viewWebhook } from './resources/webhooks/routes';
import { createWebhookSender, type WebhookSender } from './resources/webhooks/sender';
import { webhooks } from './resources/webhooks/table';

// Everything by which a node is watched: events and where they go, metrics, the support bundle.

export interface WatchingOptions {
  readonly config: Config;
  /** Where each configuration key came from. */
  readonly origins: ReadonlyMap<string, string> | undefined;
  readonly core: Core;
  readonly cluster: ClusterRuntime;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly version: string;
  readonly setupCode: string;
  readonly logTail: () => readonly string[];
}

export interface Watching {
  readonly bus: EventBus;
  readonly eventLog: EventLog;
  readonly webhookSender: WebhookSender;
  readonly supportBundle: SupportBundleDeps;
  stop(): Promise<void>;
}

/** Starts the sinks and registers the metrics. */
export function startWatching(options: WatchingOptions): Watching {
  const { config, core, cluster, metrics, clock, logger, version } = options;
  const { applier, proposer, store } = core;
  const db = (): StateDb => store.db;
  const bus = createEventBus(applier, logger);
  const eventLog = createEventLog({ db, local: cluster.localEvents, termAt });
  metrics.watch(metricsSource(options));
  const stopCounting = applier.onApplied(({ commands }) => metrics.entryApplied(commands.length));

  const { file, file_max_bytes: maxBytes, file_keep: keep, webhook_loopback: allowLoopback } = config.events;
  const sink = file === '' ? undefined : startFileSink({ file, maxBytes, keep, log: eventLog, bus, logger });
  const sender = createWebhookSender({ version, allowLoopback });
  const delivery = createWebhookDelivery({
    ...{ db, eventLog, proposer, sender, clock, logger },
    isLeader: () => cluster.view.leaderId() === cluster.nodeId && cluster.journal.quorumHeld(),
    openSecret: (id, jwe) => cluster.keyring.unseal(secretNameOf(id), jwe),
    onOutcome: metrics.webhookOutcome,
  });
  const delivering = startReconciler(delivery, logger);
  const stopTriggering = bus.subscribe(delivering.trigger);
  return {
    bus,
    eventLog,
    webhookSender: sender,
    supportBundle: supportBundleDeps(options, eventLog),
    async stop() {
      stopTriggering();
      stopCounting();
      // Closing the sender ends what is under way: it is sent again by the next leader.
      await Promise.all([delivering.stop(), delivery.stop(), sink?.stop(), sender.close()]);
    },
  };
}

const sizeOf = (path: string): number => statSync(path, { throwIfNoEntry: false })?.size ?? 0;

function metricsSource({ core, cluster }: WatchingOptions): MetricsSource {
  const { view, journal } = cluster;
  const { store } = core;
  return {
    appliedIndex: () => core.applier.position.index,
    tipIndex: view.tipIndex,
    term: () => journal.raft?.current.term ?? 0,
    isLeader: () => view.leaderId() === cluster.nodeId,
    hasLeader: () => journal.mode === 'single' || journal.raft?.current.hasLeader === true,
    quorumHeld: journal.quorumHeld,
    ready: () => readinessChecks(cluster, core.applier).every((check) => check.ok),
    leaderChanges: cluster.leaderChanges,
    queuedCommands: () => core.proposer.queued,
    voters: () => view.members().filter((member) => member.suffrage === 'voter').length,
    members: () =>
      view.members().map(({ name, lag, health }) => ({ name, lag, healthy: ['healthy', 'lagging'].includes(health) })),
    stateBytes: () => sizeOf(store.path) + sizeOf(`${store.path}-wal`),
    etcdDbBytes: () => journal.raft?.current.dbSizeBytes ?? null,
    alarms: () => [...new Set(cluster.care.alarms.inForce().map((alarm) => alarm.code))],
    certificates: () => certificatesOf(store.db, cluster),
    backups: () => backupFigures(store.db),
    webhooks: () =>
      store.db
        .select()
        .from(webhooks)
        .all()
        .map((row) => viewWebhook(store.db, row))
        .map(({ name, waiting, dead_letters: dead }) => ({ name, waiting, dead })),
  };
}

function certificatesOf(db: StateDb, cluster: ClusterRuntime): { kind: string; expiresAt: number }[] {
  const ca = db.select().from(clusterInfo).get()?.caCert;
  const own = { kind: 'node', expiresAt: inspectCertificate(cluster.identity().certPem).notAfter };
  return ca === undefined ? [own] : [own, { kind: 'ca', expiresAt: inspectCertificate(ca).notAfter }];
}

function supportBundleDeps(options: WatchingOptions, eventLog: EventLog): SupportBundleDeps {
  const { config, core, cluster, clock, version, setupCode } = options;
  const { journal, view } = cluster;
  return {
    ...{ nodeId: cluster.nodeId, version, clock, eventLog, logTail: options.logTail },
    configText: () => renderConfig(config, options.origins),
    facts: () => ({
      cluster: view.cluster(),
      checks: readinessChecks(cluster, core.applier),
      alarms: cluster.care.alarms.inForce(),
      snapshots: cluster.care.snapshots.list(),
      replicas: cluster.care.checkpoints.view(),
      journal: { mode: journal.mode, health: journal.health, raft: journal.raft?.current ?? null },
      state: {
        position: { ...core.applier.position, chain: Buffer.from(core.applier.position.chain).toString('hex') },
        schema_version: core.schemaVersion,
        bytes: sizeOf(join(config.data_dir, 'state.db')),
        queued_commands: core.proposer.queued,
      },
    }),
    metricsText: () => options.metrics.registry.metrics(),
    knownSecrets: () => [setupCode, config.cluster.join.token],
  };
}
