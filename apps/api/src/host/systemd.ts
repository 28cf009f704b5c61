import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { DEFAULT_CONFIG_FILE } from '../config/load';
import { userIds } from '../lib/program-user';
import type { Owner } from './data-dir';
import { HostError, reasonOf } from './host-error';

const run = promisify(execFile);
export const UNIT = 'quorated';
/** Stopping may take as long as the unit lets it (TimeoutStopSec). */
const COMMAND_MS = 120_000;

/** The systemd unit that runs this host's quorated. */
export interface Unit {
  /** The configuration that its command line names. */
  readonly configFile: string;
  /** Whether it runs or is about to. */
  readonly active: boolean;
  /** Whom it runs as, when that is somebody else than the caller. */
  readonly owner: Owner | undefined;
}

async function systemctl(...args: string[]): Promise<string> {
  try {
    return (await run('systemctl', args, { timeout: COMMAND_MS, maxBuffer: 256 * 1024 })).stdout;
  } catch (error) {
    const { stderr } = error as { stderr?: string };
    const cure = 'run this as root (sudo), or with --foreground or --no-restart';
    throw new HostError(`systemctl ${args.join(' ')} failed: ${stderr?.trim() || reasonOf(error)}; ${cure}`);
  }
}

async function show(...properties: string[]): Promise<Map<string, string>> {
  const text = await systemctl('show', `${UNIT}.service`, `--property=${properties.join(',')}`);
  return new Map(
    text.split('\n').map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)] as const),
  );
}

/** `{ path=… ; argv[]=/usr/bin/quorated serve --config F ; … }` → F. */
function configFileIn(execStart: string): string {
  const command = /argv\[\]=(.*?) ;/.exec(execStart)?.[1] ?? '';
  return /\s--config[= ](\S+)/.exec(command)?.[1] ?? DEFAULT_CONFIG_FILE;
}

async function ownerOf(user: string): Promise<Owner | undefined> {
  if (user === '' || process.getuid?.() !== 0) return undefined;
  return userIds(user);
}

/** The unit, where systemd runs and has one that uses this configuration file. */
export async function findUnit(configFile: string): Promise<Unit | undefined> {
  const properties = await show('LoadState', 'ActiveState', 'ExecStart', 'User').catch(() => undefined);
  if (properties?.get('LoadState') !== 'loaded') return undefined;
  const unitFile = configFileIn(properties.get('ExecStart') ?? '');
  if (unitFile !== configFile) return undefined;
  const active = ['active', 'activating', 'reloading'].includes(properties.get('ActiveState') ?? '');
  return { configFile, active, owner: await ownerOf(properties.get('User') ?? '') };
}

export const startUnit = (): Promise<string> => systemctl('start', UNIT);
export const restartUnit = (): Promise<string> => systemctl('restart', UNIT);
export const stopUnit = (): Promise<string> => systemctl('stop', UNIT);

/** How often systemd has started the unit anew since the last command, and whether it gave up. */
export async function unitTrouble(): Promise<string | undefined> {
  const properties = await show('ActiveState', 'NRestarts', 'ExecMainStatus').catch(() => undefined);
  const restarts = Number(properties?.get('NRestarts') ?? 0);
  if (properties?.get('ActiveState') !== 'failed' && !(restarts > 0)) return undefined;
  const status = properties?.get('ExecMainStatus') ?? '';
  return `the unit ${UNIT} ended with exit status ${status} (journalctl -u ${UNIT} says why)`;
}
