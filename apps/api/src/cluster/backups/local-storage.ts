import { closeSync, createReadStream, existsSync, fsyncSync, openSync, readdirSync, rmSync, statSync } from 'node:fs';
import { mkdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { DomainError } from '../../commands/domain-error';
import type { Storage } from './storage';

/** The folder for backups on this node's disk, which is where they are made as well. */
export interface LocalStorage extends Storage {
  readonly directory: string;
  /** A file for work in progress, told apart by node, since the folder may be one on a network. */
  working(id: string, suffix: string): string;
  has(name: string): boolean;
  /** Removes what a killed process left. For use while nothing is under way. */
  tidy(): void;
}

function sync(path: string): void {
  const file = openSync(path, 'r');
  fsyncSync(file);
  closeSync(file);
}

export function createLocalStorage(directory: string, nodeId: number): LocalStorage {
  const working = `.work-${nodeId}-`;
  const at = (name: string): string => join(directory, name);
  return {
    directory,
    working: (id, suffix) => at(`${working}${id}${suffix}`),
    has: (name) => existsSync(at(name)),
    tidy() {
      if (!existsSync(directory)) return;
      for (const file of readdirSync(directory)) if (file.startsWith(working)) rmSync(at(file), { force: true });
    },
    async put(name, from) {
      await mkdir(directory, { recursive: true, mode: 0o700 });
      sync(from);
      await rename(from, at(name));
      sync(directory);
    },
    async get(name) {
      const bytes = statSync(at(name), { throwIfNoEntry: false })?.size;
      if (bytes === undefined) {
        const detail = `${at(name)} is not there any more on node ${nodeId}; put it back, or delete the backup`;
        throw new DomainError('backup_unavailable', detail);
      }
      return { stream: Readable.toWeb(createReadStream(at(name))) as ReadableStream<Uint8Array>, bytes };
    },
    async remove(name) {
      rmSync(at(name), { force: true });
    },
    // `put` moves a whole file.
    sweep: async () => {},
  };
}
