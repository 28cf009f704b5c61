import { access, constants } from 'node:fs/promises';
import { resolve } from 'node:path';
import { CliError } from './cli-error';
import type { Io } from './io';

/** Where a node's agent socket is looked for, in order. */
export function socketCandidates(io: Io): string[] {
  const fromEnv = io.env['QUORATE_SOCKET'];
  return fromEnv ? [fromEnv] : [resolve(io.cwd, '.quorate/agent.sock'), '/var/lib/quorate/agent.sock'];
}

/** The explicit socket or the first that is there. @throws CliError when none is there or it is not permitted */
export async function findSocket(io: Io, explicit: string | undefined): Promise<string> {
  const candidates = explicit === undefined ? socketCandidates(io) : [explicit];
  for (const path of candidates) {
    try {
      await access(path, constants.R_OK | constants.W_OK);
      return path;
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException;
      if (code === 'ENOENT' || code === 'ENOTDIR') continue;
      throw new CliError('auth', `no permission for the agent socket ${path}`, {
        hint: 'run as the user that runs quorated, for example with sudo -u quorate',
      });
    }
  }
  throw new CliError('unavailable', `no agent socket at ${candidates.join(' or ')}`, {
    hint: 'start the node, or pass --socket PATH (agent.sock in its data_dir)',
  });
}
