import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Actor, CommandDefinition } from '@quorate/api/src/commands/define-command';
import { type Durability, openStateStore, type StateStore } from '@quorate/api/src/db/state-store';
import { uuidv7 } from '@quorate/api/src/lib/ids';
import { silentLogger } from '@quorate/api/src/lib/logger';
import { commandRegistry } from '@quorate/api/src/registry';
import { type Applier, createApplier } from '@quorate/api/src/replication/applier';
import { createLocalLog } from '@quorate/api/src/replication/local-log';
import type { Log } from '@quorate/api/src/replication/log';
import { createProposer, type Proposer } from '@quorate/api/src/replication/proposer';
import type { createApiToken } from '@quorate/api/src/resources/api-tokens/commands';
import { recordSignIn } from '@quorate/api/src/resources/session/commands';

export const MIGRATIONS_DIR = join(import.meta.dirname, '../../drizzle');
export const ACTOR: Actor = { kind: 'user', id: uuidv7(), name: 'ada' };

/** The smallest command of the product that leaves its full trace: event, audit record and outcome. */
export const signIn = { username: 'ada', address: '192.0.2.7' };

/** A large command: it checks two unique values and writes a row with three indexes beside its trace. */
export function tokenInput(): Parameters<typeof createApiToken.apply>[1] {
  const id = uuidv7();
  const hash = createHash('sha256').update(id).digest('hex');
  return { id, name: `token ${id}`, role: 'viewer', hash, hint: 'qa_12345', ttlMs: null };
}

/** A command as the log carries it. */
export function serializedCommand<Input>(definition: CommandDefinition<Input, unknown>, input: NoInfer<Input>): string {
  const { type, since } = definition;
  return JSON.stringify({ id: uuidv7(), type, since, at: Date.now(), actor: ACTOR, node: 1, fingerprint: '', input });
}

/** Bytes of the size of a recorded sign-in, never twice the same. */
export const valueLikeASignIn = (): Uint8Array => {
  const bytes = Buffer.from(serializedCommand(recordSignIn, signIn));
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
  propose<Input, Result>(command: CommandDefinition<Input, Result>, input: NoInfer<Input>): Promise<unknown>;
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
    propose: (command, input) => proposer.propose(command, input, { actor: ACTOR, id: uuidv7() }),
    close() {
      proposer.close();
      store.close();
    },
  };
}
