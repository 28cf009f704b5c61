import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { assignedReplicaSchema, replicaReportSchema } from '@quorate/shared/runner-protocol';
import { z } from 'zod';
import type { Logger } from '../../../lib/logger';
import type { WorkDirectories } from '../work-directory';

const identitySchema = z.object({
  /** Chosen before the program is started, and in its environment: by it the program is found when its pid is not known. */
  instance: z.uuid(),
  bootId: z.string(),
  /** Null from before the start of the program until it is there. */
  pid: z.int().nullable(),
  startTime: z.string(),
});
export type StoredIdentity = z.infer<typeof identitySchema>;

const recordSchema = z.object({
  assigned: assignedReplicaSchema,
  /** The newest word on it: `n` must go on growing after a restart of the runner. */
  report: replicaReportSchema,
  /** Starts in a row that came to nothing. */
  failures: z.int().min(0),
  /** Null: no program of it is left. */
  process: identitySchema.nullable(),
});
export type ReplicaRecord = z.infer<typeof recordSchema>;

const toldSchema = z.object({ owner: z.string(), index: z.int() });

/** The replicas of one runner on its disk. */
export interface RecordStore {
  /** Who assigned them, and by which log index: what is older than it does not count any more. */
  readonly told: z.infer<typeof toldSchema> | undefined;
  remember(told: z.infer<typeof toldSchema>): void;
  /** Those that an earlier process left. A damaged one is skipped, and said. */
  loadAll(): ReplicaRecord[];
  save(record: ReplicaRecord): void;
  /** With all its files; what its program left and cannot be removed is left. */
  remove(of: SlotOf): Promise<void>;
  /** Its own directory: what the program works in, and its output. */
  directory(of: SlotOf): string;
}

export interface SlotOf {
  readonly service: string;
  readonly slot: number;
  readonly generation: number;
}

/** What the program works in, in the directory of its replica. */
export const workOf = (directory: string): string => join(directory, 'work');

export const nameOf = ({ service, slot, generation }: SlotOf): string => `${service}.${slot}.${generation}`;

export function openRecords(dir: string, work: WorkDirectories, logger: Logger): RecordStore {
  mkdirSync(dir, { recursive: true, mode: 0o711 });
  const directory = (of: SlotOf): string => join(dir, nameOf(of));
  const toldPath = join(dir, 'told.json');
  let told = existsSync(toldPath) ? read(toldPath, toldSchema) : undefined;

  function read<T>(path: string, schema: z.ZodType<T>): T | undefined {
    try {
      return schema.parse(JSON.parse(readFileSync(path, 'utf8')));
    } catch (error) {
      logger.warn({ err: error, path }, 'a file about replicas cannot be read; it is passed over');
      return undefined;
    }
  }

  return {
    get told() {
      return told;
    },
    remember(next) {
      if (told?.owner === next.owner && told.index === next.index) return;
      told = next;
      writeWhole(toldPath, next);
    },
    loadAll() {
      const names = readdirSync(dir, { withFileTypes: true }).filter((entry) => entry.isDirectory());
      return names.flatMap(({ name }) => {
        const path = join(dir, name, 'record.json');
        const record = existsSync(path) ? read(path, recordSchema) : undefined;
        return record && nameOf(record.assigned) === name ? [record] : [];
      });
    },
    save(record) {
      mkdirSync(directory(record.assigned), { recursive: true, mode: 0o711 });
      writeWhole(join(directory(record.assigned), 'record.json'), record);
    },
    async remove(of) {
      const own = directory(of);
      if (!existsSync(own)) return;
      // First: without it nobody takes the rest for a replica.
      rmSync(join(own, 'record.json'), { force: true });
      await work.remove(workOf(own));
      const files = readdirSync(own, { withFileTypes: true }).filter((entry) => !entry.isDirectory());
      for (const { name } of files) rmSync(join(own, name), { force: true });
      if (!existsSync(workOf(own))) rmdirSync(own);
    },
    directory,
  };
}

// Whole after a kill -9. Not synced: a power cut ends the programs, too.
function writeWhole(path: string, content: unknown): void {
  writeFileSync(`${path}.new`, JSON.stringify(content), { mode: 0o600 });
  renameSync(`${path}.new`, path);
}
