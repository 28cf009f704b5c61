import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BalancerReport } from '@quorate/shared/haproxy-balancers';
import { applyServers, differenceToRunning } from './apply-servers';
import { type CommandResult, runCommand } from './command-line';
import { installText, prepareFile, readIfThere, removeLeftovers } from './config-file';
import { type ConfigText, type Plan, parseConfig, planChange } from './config-text';
import { processInfo, type RuntimeAddress } from './runtime-api';

export interface InstallerOptions {
  readonly file: string;
  /** The words of the command that checks a file, whose path is put after them. */
  readonly validate: readonly string[];
  /** The words of the command that makes HAProxy read the file; undefined = nobody is told. */
  readonly reload: readonly string[] | undefined;
  /** Undefined = where the configuration opens it; null = never. */
  readonly runtime: RuntimeAddress | null | undefined;
  readonly commandTimeoutMs: number;
  readonly note: (line: string) => void;
}

export type Outcome = Pick<BalancerReport, 'state' | 'detail' | 'via'>;

export interface Installer {
  /** ETag of what HAProxy runs, as the API would make it; null = not known. */
  etag(): string | null;
  /** Whether it runs this text already. */
  runs(text: string): boolean;
  /** What it would take to run this text. */
  plan(text: string): Plan;
  /** Installs a text, or says why the last good one stays. @throws CliError when the disk refuses */
  install(text: string): Promise<Outcome>;
}

/** How long a reload may take until the new process answers, unless a command has even less. */
const TAKE_OVER_MS = 15_000;
const PROBE_MS = 100;

/** As the API makes it: quotes and the start of the SHA-256. */
const etagOf = (text: string): string => `"${createHash('sha256').update(text).digest('hex').slice(0, 32)}"`;

/** The lines that say what is wrong, on one line. */
function complaint({ why, output }: CommandResult): string {
  const lines = output.split('\n').map((line) => line.trim());
  const telling = lines.filter((line) => /ALERT|error|fatal|fail|denied|invalid/i.test(line));
  const said = (telling.length > 0 ? telling : lines.filter((line) => line !== '')).slice(0, 4).join(' | ');
  return (said === '' ? why : `${why}: ${said}`).slice(0, 900);
}

/**
 * Keeps a configuration file and the HAProxy that runs it. What was last seen to work is kept beside the file as
 * `FILE.last-good`: a text that does not pass the check never gets to FILE, and when the reload fails the last good one is put
 * back and loaded again.
 * @throws CliError when the file cannot be read
 */
export async function openInstaller(options: InstallerOptions): Promise<Installer> {
  const { file, reload, note } = options;
  const lastGood = `${file}.last-good`;
  await removeLeftovers(file);
  const before = await readIfThere(file);
  let good = await readIfThere(lastGood);
  // Somebody else wrote the file, or this was killed before it knew how the reload went: what runs is not known.
  let isCertain = good !== undefined && good === before;
  const runtimeOf = (config: ConfigText): RuntimeAddress | undefined =>
    options.runtime === null ? undefined : (options.runtime ?? config.runtimeSocket);

  async function markGood(text: string): Promise<void> {
    if (text !== good) await installText(lastGood, text);
    good = text;
    isCertain = true;
  }

  /** Through the runtime API; false = a reload is needed. */
  async function told(plan: Plan, config: ConfigText): Promise<boolean> {
    const runtime = runtimeOf(config);
    if (plan.kind !== 'servers' || !runtime) return false;
    try {
      await applyServers(runtime, plan.changes);
      const difference = await differenceToRunning(runtime, config);
      if (difference === null) return true;
      note(`The servers are not as they should be (${difference}); reloading.`);
    } catch (error) {
      note(`${(error as Error).message}; reloading.`);
    }
    return false;
  }

  /** Waits until another process runs what the file says. Returns why not; empty = it does. */
  async function tookOver(config: ConfigText, oldPid: number | undefined): Promise<string> {
    const runtime = runtimeOf(config);
    if (!runtime) return '';
    const deadline = performance.now() + Math.min(TAKE_OVER_MS, options.commandTimeoutMs);
    for (;;) {
      let why: string;
      let answered = false;
      try {
        const { pid } = await processInfo(runtime);
        answered = true;
        const difference = pid === oldPid ? 'the old process still runs' : await differenceToRunning(runtime, config);
        if (difference === null) return '';
        why = difference;
      } catch (error) {
        why = (error as Error).message;
      }
      if (performance.now() > deadline) {
        // It was not there before either: then nobody can tell, and the command said that all is well.
        if (!answered && oldPid === undefined) note(`${why}; whether the reload took effect is not known.`);
        return !answered && oldPid === undefined ? '' : `after the reload ${why}`;
      }
      await sleep(PROBE_MS);
    }
  }

  /** Makes HAProxy read the file. Returns why that failed; empty = it runs it. */
  async function reloaded(config: ConfigText): Promise<string> {
    if (!reload) return '';
    const runtime = runtimeOf(good === undefined ? config : parseConfig(good));
    const old = runtime ? await processInfo(runtime).catch(() => undefined) : undefined;
    const result = await runCommand(reload, options.commandTimeoutMs);
    return result.ok ? tookOver(config, old?.pid) : complaint(result);
  }

  async function rollBack(why: string): Promise<Outcome> {
    const failed = (detail: string): Outcome => ({
      state: 'reload_failed',
      detail: detail.slice(0, 1_000),
      via: 'reload',
    });
    const text = good ?? before;
    if (text === undefined) return failed(`${why}; there is no earlier configuration to go back to`);
    await installText(file, text);
    const again = await reloaded(parseConfig(text));
    return failed(again === '' ? why : `${why}; going back failed too: ${again}`);
  }

  const planFor = (text: string): Plan =>
    good === undefined || !isCertain
      ? { kind: 'reload', why: 'what runs was not installed from here' }
      : planChange(parseConfig(good), parseConfig(text));

  return {
    etag: () => (good === undefined ? null : etagOf(good)),
    runs: (text) => isCertain && text === good,
    plan: planFor,
    async install(text) {
      const prepared = await prepareFile(file, text);
      const check = await runCommand([...options.validate, prepared.path], options.commandTimeoutMs);
      if (!check.ok) {
        await prepared.discard();
        return { state: 'rejected', detail: complaint(check).replaceAll(prepared.path, file), via: 'file' };
      }
      const config = parseConfig(text);
      const plan = planFor(text);
      await prepared.commit();
      if (plan.kind === 'nothing') {
        await markGood(text);
        return { state: 'applied', detail: '', via: 'file' };
      }
      if (await told(plan, config)) {
        await markGood(text);
        return { state: 'applied', detail: '', via: 'runtime' };
      }
      const why = await reloaded(config);
      if (why !== '') return rollBack(why);
      await markGood(text);
      return { state: 'applied', detail: '', via: reload ? 'reload' : 'file' };
    },
  };
}
