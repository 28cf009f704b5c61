import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { and, eq } from 'drizzle-orm';
import type { StateStore } from '../../db/state-store';
import { uuidv7 } from '../../lib/ids';
import type { Logger } from '../../lib/logger';
import type { Proposer } from '../../replication/proposer';
import { hashFile } from '../../replication/snapshot';
import { SYSTEM_ACTOR } from '../founding';
import { inspectStateFile } from '../restore/state-file-check';
import { noteSafetyCopies } from './commands';
import type { LocalStorage } from './local-storage';
import { backups } from './table';

export interface SafetyDeps {
  readonly nodeId: number;
  readonly version: string;
  readonly store: StateStore;
  readonly proposer: Proposer;
  readonly migrationsDir: string;
  readonly safety: LocalStorage;
  readonly isRestoring: () => boolean;
  readonly logger: Logger;
}

/** Lists the copies that restores on this node have made of the state from before, so that they are found and used like backups. */
export function createSafetyNotes(deps: SafetyDeps): () => Promise<void> {
  const { nodeId, store, safety, logger } = deps;
  const useless = new Set<string>();

  async function describe(file: string) {
    const path = join(safety.directory, file);
    const { epoch, index, lastAt, schemaVersion, clusterId, bytes } = inspectStateFile(path, deps.migrationsDir);
    const madeAt = Math.floor(statSync(path).mtimeMs);
    const facts = { epoch, index, lastChangeAt: lastAt, schemaVersion, clusterId, bytes };
    return { ...facts, id: uuidv7(), file, madeAt, version: deps.version, sha256: await hashFile(path) };
  }

  return async () => {
    if (deps.isRestoring()) return;
    const there = readdirSync(safety.directory).filter((file) => /^before-.*\.db$/.test(file) && !useless.has(file));
    const ofNode = and(eq(backups.kind, 'safety'), eq(backups.nodeId, nodeId));
    const known = store.db.select({ id: backups.id, file: backups.file }).from(backups).where(ofNode).all();
    const gone = known.filter(({ file }) => !there.includes(file)).map(({ id }) => id);
    const found = [];
    for (const file of there.filter((one) => !known.some((row) => row.file === one)).slice(0, 10)) {
      try {
        found.push(await describe(file));
      } catch (error) {
        // The copy of a restore that failed in the middle.
        useless.add(file);
        logger.debug({ err: error, file }, 'a copy from before a restore cannot be used');
      }
    }
    if (found.length + gone.length === 0) return;
    const input = { nodeId, found, gone: gone.slice(0, 100) };
    await deps.proposer.propose(noteSafetyCopies, input, { actor: SYSTEM_ACTOR, id: uuidv7() });
  };
}
