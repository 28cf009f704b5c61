import { BootError } from '../cluster/boot';
import { StateDamaged } from '../cluster/damage/state';
import { JoinError } from '../cluster/join/join-error';
import { IdentityError } from '../cluster/pki/identity';
import { CertificateError } from '../cluster/pki/inspect';
import { loadNodeFile, NodeFileError } from '../cluster/pki/node-file';
import type { Config } from '../config/derive';
import { ConfigError } from '../config/problem';
import { ListenError } from '../http/listen';
import { DirectoryLocked } from '../lib/directory-lock';
import { formatHostPort } from '../lib/net';
import { UserError } from '../lib/program-user';
import { EtcdBinaryError } from '../replication/etcd/binary';
import { codeOf, HostError, reasonOf, UsageError } from './host-error';
import { stateCure } from './state-file';

/** Errors whose message says what to do. */
const COMPLETE = [
  BootError,
  StateDamaged,
  NodeFileError,
  IdentityError,
  CertificateError,
  ListenError,
  DirectoryLocked,
  EtcdBinaryError,
  ConfigError,
  HostError,
  UserError,
] as const;

/** What stopped a start, in one message with the cure, without a stack. */
export function explainFailure(error: unknown, config?: Config): string {
  if (error instanceof JoinError) return explainJoin(error);
  if (COMPLETE.some((known) => error instanceof known)) return reasonOf(error);
  const code = codeOf(error);
  if (code.startsWith('SQLITE_')) return explainSqlite(error, code, config?.data_dir ?? 'the data directory');
  return (
    explainSystem(error, code, config) ??
    `${reasonOf(error)}; start it with --set log.level=debug to see where this comes from`
  );
}

/** 2 for a wrong call or configuration, 1 for everything else. */
export const exitCodeOf = (error: unknown): 1 | 2 =>
  [ConfigError, UsageError, UserError].some((wrong) => error instanceof wrong) ? 2 : 1;

const words = (stage: string): string => stage.replaceAll('_', ' ');

/** Whether the CA was stored decides how a further attempt goes on: before, from the start; after, by the same key. */
function explainJoin(error: JoinError): string {
  const where = error.stage === 'configured' ? 'before anything was sent' : `after the stage "${words(error.stage)}"`;
  return `the join stopped ${where}: ${error.message}; ${error.cure}`;
}

function explainSqlite(error: unknown, code: string, dataDir: string): string {
  const what = `the state in ${dataDir} cannot be opened: ${reasonOf(error)} (${code})`;
  if (/^SQLITE_(NOTADB|CORRUPT)/.test(code)) return `${what}; ${stateCure(dataDir, isClustered(dataDir))}`;
  if (code === 'SQLITE_FULL') return `${what}; free space on its disk`;
  if (code.startsWith('SQLITE_IOERR')) return `${what}; check the disk (dmesg) and its free space`;
  if (/^SQLITE_(READONLY|CANTOPEN|PERM|AUTH)/.test(code)) {
    return `${what}; let the user that runs quorated own the folder and every file in it (chown -R)`;
  }
  if (code.startsWith('SQLITE_BUSY')) return `${what}; close the program that has it open`;
  return what;
}

function isClustered(dataDir: string): boolean {
  try {
    return loadNodeFile(dataDir)?.mode === 'raft';
  } catch {
    return false;
  }
}

/** Errors of system calls: on a path, or on an address. */
function explainSystem(error: unknown, code: string, config: Config | undefined): string | undefined {
  const { path, address, port, syscall } = error as NodeJS.ErrnoException & { address?: string; port?: number };
  if (syscall === 'listen' && address !== undefined && port !== undefined) {
    const where = formatHostPort({ host: address, port });
    const key = keyOfAddress(where, config);
    const cures: Record<string, string> = {
      EADDRINUSE: `another program listens there: stop it, or set ${key} to a free address`,
      EADDRNOTAVAIL: `this host has no such address: set ${key} to one of its own`,
      EACCES: `not permitted: use a port above 1023 in ${key}`,
    };
    return `cannot listen on ${where}: ${cures[code] ?? reasonOf(error)}`;
  }
  const onPath: Record<string, string> = {
    EACCES: 'let the user that runs quorated own it, with everything below it (chown -R)',
    EPERM: 'let the user that runs quorated own it, with everything below it (chown -R)',
    EROFS: 'it is on a read-only file system: use another data_dir, or list it in ReadWritePaths of the systemd unit',
    ENOSPC: 'free space on its disk',
    EDQUOT: 'free space, or raise the quota',
    ENOTDIR: 'a part of this path is a file: correct data_dir',
    EMFILE: 'raise the limit of open files (LimitNOFILE in the systemd unit)',
    ENOENT: 'correct the path in the configuration, or put the file there',
  };
  const cure = onPath[code];
  return cure ? `${path ?? reasonOf(error)} cannot be used (${code}); ${cure}` : undefined;
}

function keyOfAddress(where: string, config: Config | undefined): string {
  if (config?.cluster.address === where) return 'cluster.address';
  return config?.api.address === where ? 'api.address' : 'the address in the configuration';
}
