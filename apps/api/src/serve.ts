import type { LoadedConfig } from './config/load';
import { createLogger, type Logger } from './lib/logger';
import { type NodeDeps, type QuorateNode, startNode } from './node';

export interface ServeOptions {
  readonly loaded: LoadedConfig;
  readonly version: string;
  readonly migrationsDir: string;
  readonly webDir: string | undefined;
  readonly tty: boolean;
  readonly join: (logger: Logger) => NodeDeps['join'];
}

/** What an operator needs next, in the two lines after the start. */
function announce(node: QuorateNode, logger: Logger): void {
  logger.info({ node: node.nodeId, url: node.url }, `the console and the API are at ${node.url}`);
  if (!node.setupNeeded()) return;
  // As text in the message: structured fields named like secrets are redacted.
  logger.info(
    `open ${node.url}/setup to create the first admin; from another machine it asks for the setup code ${node.setupCode}`,
  );
}

/** Runs a node until a signal. Resolves with the exit code. */
export async function serve(options: ServeOptions): Promise<number> {
  const { config, warnings } = options.loaded;
  const format = config.log.format === 'auto' ? (options.tty ? 'text' : 'json') : config.log.format;
  const logger = createLogger({ level: config.log.level, format });
  for (const warning of warnings) logger.warn(warning);
  return new Promise((resolve) => {
    let node: QuorateNode | undefined;
    let ending = false;
    const end = async (code: number): Promise<void> => {
      if (ending) return;
      ending = true;
      await node?.stop().catch((error: unknown) => logger.error({ err: error }, 'stopping failed'));
      resolve(code);
    };
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.on(signal, () => {
        logger.info({ signal }, 'stopping');
        void end(0);
      });
    }
    const onFatal = (error: unknown): void => {
      logger.fatal(
        { err: error },
        'the state could not be changed as the log says; stopping, so that nothing is skipped',
      );
      process.exitCode = 1;
      setImmediate(() => process.exit(1));
    };
    const { version, migrationsDir, webDir } = options;
    startNode(config, { logger, version, migrationsDir, webDir, onFatal, join: options.join(logger) })
      .then((started) => {
        node = started;
        announce(started, logger);
      })
      .catch((error: unknown) => {
        logger.fatal(error instanceof Error ? `cannot start: ${error.message}` : { err: error });
        logger.debug({ err: error }, 'why it cannot start');
        void end(1);
      });
  });
}
