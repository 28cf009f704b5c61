import { advertisedAddresses } from './cluster/addresses';
import type { JoinOptions } from './cluster/join/client';
import { joinFromConfig } from './cluster/join/from-config';
import { healCertificate } from './cluster/keys/renew-at-start';
import { loadIdentity } from './cluster/pki/identity';
import { checkNodeCertificate } from './cluster/pki/inspect';
import { loadNodeFile } from './cluster/pki/node-file';
import type { Config } from './config/derive';
import type { LoadedConfig } from './config/load';
import { adoptPairing } from './host/adopt-pairing';
import { prepareDataDir } from './host/data-dir';
import { exitCodeOf, explainFailure } from './host/start-errors';
import { checkStateFile } from './host/state-file';
import { delay } from './lib/async';
import { systemClock } from './lib/clock';
import { createLogRing, type LogRing } from './lib/log-ring';
import { createLogger, type Logger } from './lib/logger';
import { parseHostPort } from './lib/net';
import { type QuorateNode, startNode } from './node';

export interface ServeOptions {
  readonly loaded: LoadedConfig;
  readonly version: string;
  readonly migrationsDir: string;
  readonly webDir: string | undefined;
  /** Whether people read standard error: text instead of JSON lines. */
  readonly tty: boolean;
  /** `quorated join` shows the stages by itself: only errors are logged until `loud` is called. */
  readonly watch?: ServeWatch;
}

/** What `quorated join` wants to hear of the node that it runs. */
export interface ServeWatch {
  readonly onJoinStage: NonNullable<JoinOptions['onStage']>;
  readonly onStarted: (node: QuorateNode, loud: () => void) => void;
  /** Called instead of a line in the log when the node cannot start. */
  readonly onFailed: (error: unknown, message: string) => void;
}

/** A start that was told to stop gets this long to come to a point where it can. */
const START_GRACE_MS = 3_000;
const SIGNALS = { SIGINT: 130, SIGTERM: 143 } as const;

/** What an operator needs next, in the two lines after the start. */
function announce(node: QuorateNode, logger: Logger): void {
  logger.info({ node: node.nodeId, url: node.url }, `the console and the API are at ${node.url}`);
  if (!node.setupNeeded()) return;
  // As text in the message: structured fields named like secrets are redacted.
  logger.info(
    `open ${node.url}/setup to create the first admin; from another machine it asks for the setup code ${node.setupCode}`,
  );
}

function loggerOf(config: Config, tty: boolean, quiet: boolean, ring: LogRing): Logger {
  const format = config.log.format === 'auto' ? (tty ? 'text' : 'json') : config.log.format;
  const logger = createLogger({ level: config.log.level, format, ring });
  if (quiet && ['info', 'warn'].includes(config.log.level)) logger.level = 'error';
  return logger;
}

/** Refuses what a start would only trip over later. @throws StateFileError, SqliteError, CertificateError, … */
async function checkBeforeStart(config: Config, migrationsDir: string, logger: Logger): Promise<void> {
  checkStateFile(config.data_dir, migrationsDir);
  const nodeFile = loadNodeFile(config.data_dir);
  // The operator's own certificate is read and checked anew by the start itself.
  const provisioned = nodeFile?.mode === 'raft' && config.cluster.tls.ca === '';
  const identity = provisioned ? loadIdentity(config.data_dir) : undefined;
  if (!nodeFile || !identity) return;
  const { cluster, raftPeer, raftClient } = advertisedAddresses(config);
  const nodeId = nodeFile.node_id;
  const hosts = [cluster, raftPeer, raftClient].flatMap((address) => parseHostPort(address)?.host ?? []);
  const nowMs = systemClock();
  try {
    checkNodeCertificate({ ...identity, expectedNodeId: nodeId, advertisedHosts: hosts, nowMs });
  } catch (problem) {
    if (!(await healCertificate({ dataDir: config.data_dir, nodeId, hosts, nowMs, problem }))) throw problem;
    logger.warn({ problem: String(problem) }, 'the certificate of this node could not be used and was issued anew');
  }
}

/**
 * Runs a node until a signal. Resolves with the exit code; a second signal ends the process at once (130, 143).
 * Whatever stops the start is one message with its cure.
 */
export async function serve(options: ServeOptions): Promise<number> {
  const { watch, version, migrationsDir, webDir } = options;
  const { config, warnings } = options.loaded;
  const ring = createLogRing();
  const logger = loggerOf(config, options.tty, watch !== undefined, ring);
  for (const warning of warnings) logger.warn(warning);
  const onFatal = (error: unknown): void => {
    logger.fatal(
      { err: error },
      'the state could not be changed as the log says; stopping, so that nothing is skipped',
    );
    process.exitCode = 1;
    setImmediate(() => process.exit(1));
  };
  const join = (): Promise<void> =>
    joinFromConfig({ config, version, clock: systemClock, logger, ...(watch ? { onStage: watch.onJoinStage } : {}) });

  const signalled = firstSignal(logger);
  const start = async (): Promise<QuorateNode> => {
    prepareDataDir(config.data_dir);
    if (adoptPairing(config.data_dir, systemClock())) logger.info('this node was added to a cluster and starts in it');
    await checkBeforeStart(config, migrationsDir, logger);
    const { origins } = options.loaded;
    return startNode(config, { logger, version, migrationsDir, webDir, onFatal, join, origins, logTail: ring.lines });
  };
  let code: number | 'again';
  do code = await runNode({ start, config, logger, watch, signalled });
  while (code === 'again');
  return code;
}

/** One life of the node. @returns the exit code, or `again` when it was added to a cluster and is to start as its member */
async function runNode(life: {
  start: () => Promise<QuorateNode>;
  config: Config;
  logger: Logger;
  watch: ServeWatch | undefined;
  signalled: Promise<'stop'>;
}): Promise<number | 'again'> {
  const { config, logger, watch, signalled } = life;
  const starting = life.start();
  const outcome = await Promise.race([starting.catch((error: unknown) => ({ error })), signalled]);
  if (outcome === 'stop') {
    const node = await Promise.race([starting.catch(() => undefined), delay(START_GRACE_MS)]);
    return stop(node ?? undefined, logger);
  }
  if ('error' in outcome) {
    const message = explainFailure(outcome.error, config);
    if (watch) watch.onFailed(outcome.error, message);
    else logger.fatal(`cannot start: ${message}`);
    logger.debug({ err: outcome.error }, 'why it cannot start');
    return exitCodeOf(outcome.error);
  }
  announce(outcome, logger);
  watch?.onStarted(outcome, () => {
    logger.level = config.log.level;
  });
  const end = await Promise.race([signalled, outcome.added.then(() => 'added' as const)]);
  const code = await stop(outcome, logger);
  return end === 'added' && code === 0 ? 'again' : code;
}

/** Resolves at the first signal to stop; the second one does not wait for anything. */
function firstSignal(logger: Logger): Promise<'stop'> {
  return new Promise((resolve) => {
    let asked = false;
    for (const [signal, code] of Object.entries(SIGNALS) as [keyof typeof SIGNALS, number][]) {
      process.on(signal, () => {
        if (asked) process.exit(code);
        asked = true;
        logger.info({ signal }, 'stopping; a second signal ends it at once');
        resolve('stop');
      });
    }
  });
}

async function stop(node: QuorateNode | undefined, logger: Logger): Promise<number> {
  try {
    await node?.stop();
    return 0;
  } catch (error) {
    logger.error({ err: error }, 'stopping failed');
    return 1;
  }
}
