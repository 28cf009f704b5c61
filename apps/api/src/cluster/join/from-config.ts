import { readFileSync, rmSync } from 'node:fs';
import { FEATURE_LEVEL } from '../../commands/define-command';
import type { Config } from '../../config/derive';
import { assert } from '../../lib/assert';
import type { Clock } from '../../lib/clock';
import type { Logger } from '../../lib/logger';
import { parseHostPort } from '../../lib/net';
import { advertisedAddresses } from '../addresses';
import { joinCluster } from './client';
import { JoinError } from './join-error';

function tokenOf({ token, token_path: path }: Config['cluster']['join']): string {
  if (token !== '') return token;
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new JoinError('configured', 'token_unreadable', why, 'put the join token there, or run quorated join again');
  }
}

/** `https://HOST:PORT` without its scheme; URL would drop the port 443. */
const hostPortOf = (url: string): string => {
  const { hostname, port } = new URL(url);
  return `${hostname}:${port || '443'}`;
};

/** Joins the cluster that the configuration names. The consumed token file is removed. @throws JoinError */
export async function joinFromConfig(options: {
  config: Config;
  version: string;
  clock: Clock;
  logger: Logger;
}): Promise<void> {
  const { config, logger } = options;
  const { join } = config.cluster;
  const listen = parseHostPort(config.cluster.address);
  assert(listen, 'the configuration was validated');
  await joinCluster({
    target: { address: hostPortOf(join.url), token: tokenOf(join), caFingerprint: join.ca_fingerprint },
    dataDir: config.data_dir,
    name: config.node.name,
    id: config.node.id === 'auto' ? null : config.node.id,
    listen,
    addresses: advertisedAddresses(config),
    version: options.version,
    featureLevel: FEATURE_LEVEL,
    clusterToken: config.cluster.token,
    timeoutMs: join.timeout,
    clock: options.clock,
    onStage: (stage) => logger.info({ stage }, `join: ${stage.replaceAll('_', ' ')}`),
  });
  if (join.token_path !== '') rmSync(join.token_path, { force: true });
}
