import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { DomainError } from './commands/domain-error';
import type { Config } from './config/derive';
import { openStateStore, type StateStore } from './db/state-store';
import type { Metrics } from './http/metrics';
import type { Clock } from './lib/clock';
import { makeDirectory } from './lib/directory';
import type { Logger } from './lib/logger';
import { commandRegistry } from './registry';
import { type Applier, createApplier } from './replication/applier';
import { createProposer, type Proposer } from './replication/proposer';
import { clusterInfo } from './resources/setup/table';
import { timedProposer, timedRegistry } from './timing';
import { assignAfter } from './work/jobs/follow-up';

/** The replica and the way to change it, before it is known which node and which log this is. */
export interface Core {
  readonly store: StateStore;
  readonly applier: Applier;
  readonly proposer: Proposer;
  /** Number of migrations of this build. */
  readonly schemaVersion: number;
  isInitialized(): boolean;
}

/** Number of migrations of this build. */
export const schemaVersionOf = (migrationsDir: string): number =>
  readdirSync(migrationsDir).filter((file) => file.endsWith('.sql')).length;

export function openCore(options: {
  config: Config;
  migrationsDir: string;
  clock: Clock;
  logger: Logger;
  onFatal: (error: unknown) => void;
  nodeId: () => number;
  clusterLevel: () => number;
  quorumHeld: () => boolean;
  removed: () => boolean;
  clockRefusal: () => DomainError | undefined;
  metrics: Metrics;
}): Core {
  const { config, migrationsDir, logger, metrics } = options;
  makeDirectory(config.data_dir, 0o700);
  const store = openStateStore({ path: join(config.data_dir, 'state.db'), migrationsDir, durability: 'FULL' });
  const applier = createApplier({
    ...{ store, logger, onFatal: options.onFatal },
    registry: timedRegistry(commandRegistry, metrics),
  });
  const proposer = timedProposer(createProposer({ ...options, applier, followUp: assignAfter }), metrics);
  return {
    store,
    applier,
    proposer,
    schemaVersion: schemaVersionOf(migrationsDir),
    isInitialized: () => store.db.select().from(clusterInfo).get() !== undefined,
  };
}
