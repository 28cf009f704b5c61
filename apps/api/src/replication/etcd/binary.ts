import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface EtcdVersion {
  readonly major: number;
  readonly minor: number;
  readonly patch: number;
}

/** Oldest etcd whose learners, raft pre-vote and data-corruption fixes we rely on. */
const OLDEST: EtcdVersion = { major: 3, minor: 4, patch: 23 };
const VERSION_TIMEOUT_MS = 5000;
const INSTALL = 'install it (apt-get install etcd-server), or set raft.binary to the path of an etcd 3.4.23 or newer';

/** The etcd program is missing or unusable; `cure` says what the operator does. */
export class EtcdBinaryError extends Error {
  override readonly name = 'EtcdBinaryError';
  constructor(
    readonly reason: 'missing' | 'not_executable' | 'not_etcd' | 'too_old',
    message: string,
    readonly cure: string,
  ) {
    super(`${message}; ${cure}`);
  }
}

/** Version of an etcd program, a path or a name on the PATH (about 40 ms). @throws EtcdBinaryError */
export async function etcdVersion(binary: string): Promise<EtcdVersion> {
  const text = await versionText(binary);
  const match = /etcd Version: (\d+)\.(\d+)\.(\d+)/.exec(text);
  if (!match) {
    throw new EtcdBinaryError('not_etcd', `${binary} --version does not answer like etcd`, INSTALL);
  }
  const version = { major: Number(match[1]), minor: Number(match[2]), patch: Number(match[3]) };
  if (!isAtLeast(version, OLDEST)) {
    throw new EtcdBinaryError('too_old', `${binary} is etcd ${formatVersion(version)}, older than 3.4.23`, INSTALL);
  }
  return version;
}

async function versionText(binary: string): Promise<string> {
  try {
    const { stdout } = await run(binary, ['--version'], { timeout: VERSION_TIMEOUT_MS, maxBuffer: 64 * 1024 });
    return stdout;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT') throw new EtcdBinaryError('missing', `etcd was not found (${binary})`, INSTALL);
    if (code === 'EACCES') throw new EtcdBinaryError('not_executable', `${binary} is not executable`, INSTALL);
    throw new EtcdBinaryError('not_etcd', `${binary} --version failed`, INSTALL);
  }
}

export function isAtLeast(version: EtcdVersion, oldest: EtcdVersion): boolean {
  if (version.major !== oldest.major) return version.major > oldest.major;
  if (version.minor !== oldest.minor) return version.minor > oldest.minor;
  return version.patch >= oldest.patch;
}

export const formatVersion = (version: EtcdVersion): string => `${version.major}.${version.minor}.${version.patch}`;
