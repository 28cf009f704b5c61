import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Client } from '@quorate/shared/client';
import { HAPROXY_VERSIONS, type HaproxySettings, type HaproxyVersion, haproxyRoutes } from '@quorate/shared/haproxy';
import { tailOf } from './paths';
import { accepts } from './ports';
import { Hopeless, until } from './until';
import type { Workspace } from './workspace';

/** The newest version that we generate for and the installed HAProxy understands. */
export function installedVersion(): HaproxyVersion {
  const text = execFileSync('haproxy', ['-v'], { encoding: 'utf8' });
  const [, major = '0', minor = '0'] = /version (\d+)\.(\d+)/.exec(text) ?? [];
  const installed = Number(major) * 100 + Number(minor);
  const rank = (version: string): number => {
    const [a = 0, b = 0] = version.split('.').map(Number);
    return a * 100 + b;
  };
  const known = HAPROXY_VERSIONS.filter((version) => rank(version) <= installed).at(-1);
  if (!known) throw new Error(`HAProxy ${major}.${minor} is older than every version that Quorate generates for`);
  return known;
}

/** Changes the given settings, keeps the others, and downloads the configuration as an operator would. */
export async function configureLoadBalancer(client: Client, change: Partial<HaproxySettings>): Promise<string> {
  const current = await client.call(haproxyRoutes.getSettings, {});
  // Only root can drop to another user.
  const runAs = process.getuid?.() === 0 ? 'haproxy' : null;
  const body = { ...current, version: installedVersion(), run_as: runAs, ...change };
  await client.call(haproxyRoutes.putSettings, { body });
  return client.call(haproxyRoutes.config, { query: {} });
}

/** What `haproxy -c` says besides that the file is valid; empty = valid, and without a warning. */
function complaintsOf(file: string): string {
  const { status, stdout, stderr, error } = spawnSync('haproxy', ['-c', '-f', file], {
    encoding: 'utf8',
    timeout: 20_000,
  });
  if (error) throw error;
  const said = `${stdout}${stderr}`.split('\n').filter((line) => !/^Configuration file is valid|^$/.test(line));
  return status === 0 ? said.join('\n') : `exit status ${status}: ${said.join('\n')}`;
}

export interface Haproxy {
  readonly file: string;
  stop(): Promise<void>;
}

/** An HAProxy with a master process, which reads its file again on SIGUSR2, as under systemd. */
export interface ManagedHaproxy {
  readonly file: string;
  /** For `--reload`: counts and reloads. */
  readonly reloadScript: string;
  reloads(): number;
  stop(): Promise<void>;
}

/** Runs HAProxy as systemd does, with a file that somebody else keeps up to date. */
export async function startManagedHaproxy(
  workspace: Workspace,
  options: { config: string; bind: string },
): Promise<ManagedHaproxy> {
  const file = join(workspace.dir, 'managed.cfg');
  const [counter, reloadScript] = [join(workspace.dir, 'managed.reloads'), join(workspace.dir, 'reload.sh')];
  writeFileSync(file, options.config);
  const logFile = join(workspace.dir, 'logs', 'managed.log');
  const running = workspace.run('haproxy', ['-W', '-db', '-f', file], { logFile });
  writeFileSync(reloadScript, `#!/bin/sh\nprintf x >> ${counter}\nkill -USR2 ${running.pid}\n`, { mode: 0o755 });
  const [host = '', port = ''] = options.bind.split(':');
  await until(`HAProxy accepts on ${options.bind}`, () => {
    if (!running.running) throw new Hopeless(`haproxy ended: ${tailOf(logFile, 10)}`);
    return accepts(host, Number(port));
  });
  const reloads = (): number => (existsSync(counter) ? readFileSync(counter, 'utf8').length : 0);
  const stop = async (): Promise<void> => {
    running.signalGroup('SIGKILL');
    await running.ended;
    await until(`nobody accepts on ${options.bind}`, async () => !(await accepts(host, Number(port))));
  };
  return { file, reloadScript, reloads, stop };
}

/**
 * Checks the configuration with the real HAProxy and runs it in the foreground until it accepts on `bind` (`host:port`).
 *
 * @throws Error with what HAProxy complains about, a warning included
 */
export async function startHaproxy(
  workspace: Workspace,
  options: { name: string; config: string; bind: string },
): Promise<Haproxy> {
  const file = join(workspace.dir, `${options.name}.cfg`);
  writeFileSync(file, options.config, { mode: 0o600 });
  const complaints = complaintsOf(file);
  if (complaints !== '') throw new Error(`haproxy -c complains: ${complaints}`);
  const logFile = join(workspace.dir, 'logs', `${options.name}.log`);
  const running = workspace.run('haproxy', ['-db', '-f', file], { logFile });
  const stop = async (): Promise<void> => {
    running.signal('SIGTERM');
    const killing = setTimeout(() => running.signalGroup('SIGKILL'), 3_000);
    await running.ended;
    clearTimeout(killing);
  };
  const [host = '', port = ''] = options.bind.split(':');
  await until(`HAProxy accepts on ${options.bind}`, () => {
    if (!running.running) throw new Hopeless(`haproxy ended: ${tailOf(logFile, 10)}`);
    return accepts(host, Number(port));
  });
  return { file, stop };
}
