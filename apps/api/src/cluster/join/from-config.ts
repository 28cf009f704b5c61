import { readFileSync, rmSync } from 'node:fs';
import { FEATURE_LEVEL } from '../../commands/define-command';
import type { Config } from '../../config/derive';
import { assert } from '../../lib/assert';
import type { Clock } from '../../lib/clock';
import type { Logger } from '../../lib/logger';
import { parseHostPort } from '../../lib/net';
import { advertisedAddresses } from '../addresses';
import { operatorPkiOf } from '../operator-pki';
import { type JoinOptions, joinCluster } from './client';
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

export interface JoinFromConfig {
  readonly config: Config;
  readonly version: string;
  readonly clock: Clock;
  readonly onStage?: JoinOptions['onStage'];
}

/** What the configuration says of a join, with `token` shown. */
export function joinOptionsOf(options: JoinFromConfig, token: string): JoinOptions {
  const { config, version, clock, onStage } = options;
  const { join } = config.cluster;
  const listen = parseHostPort(config.cluster.address);
  const operator = operatorPkiOf(config, clock);
  assert(listen, 'the configuration was validated');
  return {
    target: { address: hostPortOf(join.url), token, caFingerprint: join.ca_fingerprint },
    dataDir: config.data_dir,
    name: config.node.name,
    id: operator?.nodeId ?? (config.node.id === 'auto' ? null : config.node.id),
    listen,
    addresses: advertisedAddresses(config),
    version,
    featureLevel: FEATURE_LEVEL,
    clusterToken: config.cluster.token,
    timeoutMs: join.timeout,
    clock,
    operator,
    ...(onStage ? { onStage } : {}),
  };
}

/** Joins the cluster that the configuration names. The consumed token file is removed. @throws JoinError */
export async function joinFromConfig(options: JoinFromConfig & { logger: Logger }): Promise<void> {
  const { join } = options.config.cluster;
  const onStage: JoinOptions['onStage'] = (stage) => {
    options.logger.info({ stage }, `join: ${stage.replaceAll('_', ' ')}`);
    options.onStage?.(stage);
  };
  await joinCluster(joinOptionsOf({ ...options, onStage }, tokenOf(join)));
  if (join.token_path !== '') rmSync(join.token_path, { force: true });
}
