import {
  accessSync,
  chownSync,
  constants,
  existsSync,
  lchownSync,
  lstatSync,
  readdirSync,
  renameSync,
  statSync,
} from 'node:fs';
import { join } from 'node:path';
import { loadIdentity } from '../cluster/pki/identity';
import { fingerprintOf } from '../cluster/pki/keys';
import { loadNodeFile, type NodeFile } from '../cluster/pki/node-file';
import { makeDirectory } from '../lib/directory';
import { codeOf, HostError, reasonOf } from './host-error';
import { readStateFile } from './state-file';

/** What a data directory holds, as far as a join is concerned. */
export type DataDirState =
  /** Nothing that a join could harm; a key may be there from an earlier attempt, which a further one shows again. */
  | { readonly kind: 'fresh'; readonly hasKey: boolean }
  /** A node with a cluster of its own; until it is set up there is nothing in it. */
  | { readonly kind: 'single'; readonly nodeFile: NodeFile; readonly isSetUp: boolean }
  /** Admitted to a cluster, at whatever stage. */
  | { readonly kind: 'member'; readonly nodeFile: NodeFile; readonly caFingerprint: string };

export const pkiFile = (dataDir: string, name: string): string => join(dataDir, 'pki', name);

/** @throws NodeFileError, IdentityError, SqliteError when what is there is damaged */
export function inspectDataDir(dataDir: string): DataDirState {
  const nodeFile = loadNodeFile(dataDir);
  if (nodeFile?.mode === 'single') {
    const isSetUp = readStateFile(dataDir, { thorough: false })?.isSetUp ?? false;
    return { kind: 'single', nodeFile, isSetUp };
  }
  const identity = nodeFile ? loadIdentity(dataDir) : undefined;
  if (nodeFile && identity) return { kind: 'member', nodeFile, caFingerprint: fingerprintOf(identity.caPem) };
  return { kind: 'fresh', hasKey: existsSync(pkiFile(dataDir, 'node.key')) };
}

/** Makes the data directory where there is none. @throws HostError that says why nothing can be stored there */
export function prepareDataDir(dataDir: string): void {
  if (existsSync(dataDir) && statSync(dataDir).isFile()) {
    throw new HostError(`data_dir ${dataDir} is a file: set data_dir to a directory, or move the file away`);
  }
  try {
    makeDirectory(dataDir, 0o700);
    accessSync(dataDir, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    const code = codeOf(error);
    const cure = DATA_DIR_CURES[code] ?? `set data_dir to a directory on a disk of this host`;
    throw new HostError(`data_dir ${dataDir} cannot be used (${code || reasonOf(error)}): ${cure}`, { cause: error });
  }
}

const OWN = 'let the user that runs quorated own it (chown -R), or set data_dir to another directory';
const DATA_DIR_CURES: Readonly<Record<string, string>> = {
  EACCES: OWN,
  EPERM: OWN,
  EROFS: 'its file system is read-only; set data_dir to another, or list it in ReadWritePaths of the systemd unit',
  ENOTDIR: 'a part of this path is a file; correct data_dir',
  ENOENT: 'no directory can be made there; set data_dir to one on a disk of this host',
  ENOSPC: 'free space on its disk',
};

/** What makes a node the node it is. The files beside state.db keep its new name as their stem, as SQLite expects. */
const STATE = [
  ['state.db', ''],
  ['state.db-wal', 'state.db'],
  ['state.db-shm', 'state.db'],
  ['node.json', ''],
  ['pki', ''],
  ['raft', ''],
  ['snapshots', ''],
  ['recover.unfinished', ''],
] as const;

/**
 * Renames what a node consists of to `<name>.before-join-<time>`; nothing is deleted. The node must not run.
 *
 * @returns `[from, to]` paths of what was renamed
 */
export function moveStateAside(dataDir: string, nowMs: number): [string, string][] {
  const time = new Date(nowMs).toISOString().replaceAll(/[-:]|\.\d+/g, '');
  const moved: [string, string][] = [];
  for (const [name, stem] of STATE) {
    const from = join(dataDir, name);
    if (!existsSync(from)) continue;
    const suffix = stem === '' ? '' : name.slice(stem.length);
    const to = join(dataDir, `${stem || name}.before-join-${time}${suffix}`);
    renameSync(from, to);
    moved.push([from, to]);
  }
  return moved;
}

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

const MAX_DEPTH = 8;

/** Hands a folder and what root has left in it to the user that runs the daemon. Links are not followed. */
export function giveTo(path: string, owner: Owner, depth = 0): void {
  const stat = lstatSync(path);
  if (stat.uid !== owner.uid || stat.gid !== owner.gid) lchownSync(path, owner.uid, owner.gid);
  if (!stat.isDirectory() || depth >= MAX_DEPTH) return;
  for (const name of readdirSync(path)) giveTo(join(path, name), owner, depth + 1);
}

/** Lets the group of the daemon's user read a file. */
export const giveToGroup = (path: string, owner: Owner): void => chownSync(path, lstatSync(path).uid, owner.gid);
