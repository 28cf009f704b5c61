import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Actor, CommandDefinition } from '@quorate/api/src/commands/define-command';
import { type Durability, openStateStore, type StateStore } from '@quorate/api/src/db/state-store';
import { silentLogger } from '@quorate/api/src/lib/logger';
import { commandRegistry } from '@quorate/api/src/registry';
import { type Applier, createApplier } from '@quorate/api/src/replication/applier';
import { createLocalLog } from '@quorate/api/src/replication/local-log';
import type { Log } from '@quorate/api/src/replication/log';
import { createProposer, type Proposer } from '@quorate/api/src/replication/proposer';
import { createApiToken } from '@quorate/api/src/resources/api-tokens/commands';
import { uuidv7 } from 'uuidv7';

export const MIGRATIONS_DIR = join(import.meta.dirname, '../../drizzle');
export const ACTOR: Actor = { kind: 'user', id: uuidv7(), name: 'ada' };

/** A real command of the product: it checks a name, writes a row, an event, an audit record and its outcome. */
export const command = createApiToken;
export type CommandInput = Parameters<typeof command.apply>[1];

export function commandInput(): CommandInput {
  const id = uuidv7();
  const hash = createHash('sha256').update(id).digest('hex');
  return { id, name: `token ${id}`, role: 'viewer', hash, hint: 'qa_12345', ttlMs: null };
}

/** A command as the log carries it. */
export function serializedCommand<Input>(definition: CommandDefinition<Input, unknown>, input: NoInfer<Input>): string {
  const { type, since } = definition;
  return JSON.stringify({ id: uuidv7(), type, since, at: Date.now(), actor: ACTOR, node: 1, fingerprint: '', input });
}

/** Bytes of the size of one command, never twice the same. */
export const valueLikeACommand = (): Uint8Array => {
  const bytes = Buffer.from(serializedCommand(command, commandInput()));
  randomBytes(16).copy(bytes);
  return bytes;
};

export function withDirectory<T>(run: (directory: string) => Promise<T>): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), 'quorate-bench-'));
  return run(directory).finally(() => rmSync(directory, { recursive: true, force: true }));
}

export interface Replica {
  readonly store: StateStore;
  readonly applier: Applier;
  readonly proposer: Proposer;
  propose(): Promise<unknown>;
  close(): void;
}

/** Applier and proposer over a state file; `log` undefined = the embedded log. */
export function openReplica(directory: string, durability: Durability, log?: Log): Replica {
  const path = join(directory, 'state.db');
  const store = openStateStore({ path, migrationsDir: MIGRATIONS_DIR, durability });
  const logger = silentLogger();
  const onFatal = (error: unknown): void => {
    throw error;
  };
  const applier = createApplier({ store, registry: commandRegistry, logger, onFatal });
  const proposer = createProposer({
    applier,
    nodeId: () => 1,
    clock: Date.now,
    logger,
    clusterLevel: () => 1,
    quorumHeld: () => true,
    defaultTimeoutMs: 60_000,
  });
  const { epoch, index: tip } = applier.position;
  proposer.attach(log ?? createLocalLog({ epoch, tip, commit: (entry) => applier.apply(entry) }));
  return {
    store,
    applier,
    proposer,
    propose: () => proposer.propose(command, commandInput(), { actor: ACTOR, id: uuidv7() }),
    close() {
      proposer.close();
      store.close();
    },
  };
}
