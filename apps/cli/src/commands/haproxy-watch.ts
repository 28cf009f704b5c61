import { hostname } from 'node:os';
import { basename } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ApiError } from '@quorate/shared/client';
import { eventSchema, topicOf } from '@quorate/shared/events';
import { HAPROXY_VERSIONS, type HaproxyVersion, haproxyRoutes } from '@quorate/shared/haproxy';
import { HEADER } from '@quorate/shared/http-headers';
import { type Command, Option } from 'commander';
import { runCommand, splitCommand } from '../balancer/command-line';
import { lockFile } from '../balancer/file-lock';
import { type Installer, type Outcome, openInstaller } from '../balancer/installer';
import { createReporter } from '../balancer/reporter';
import { CliError } from '../cli-error';
import { durationBetween } from '../globals';
import type { Invocation } from '../invocation';
import type { Run } from '../register';
import { reportOf } from '../report';
import { followEvents } from '../stream';

interface WatchOptions {
  for?: HaproxyVersion;
  out: string;
  reload?: string;
  validate: string;
  /** An address; false = never. */
  runtime?: string | false;
  name: string;
  once?: boolean;
  interval: number;
  reloadInterval: number;
  commandTimeout: number;
}

/** Changes often come in groups: so long it waits for the next one, and no longer than that for the last one. */
const SETTLE_MS = 150;
const LONGEST_SETTLE_MS = 1_000;
/** What was refused is tried again, in case that it was for something on this host: a certificate, a port that is taken. */
const FIRST_RETRY_MS = 30_000;
const LONGEST_RETRY_MS = 600_000;
/** No session: signing in anew, or another token, is up to people. The role was enough at first. */
const isFinal = (error: unknown): boolean => error instanceof ApiError && error.status === 401;

const TOPICS = new Set(['haproxy', 'member', 'members', 'cluster', 'service', 'replica', 'runner']);

/** Follows the cluster's events as long as the process runs; they only tell that it is worth while to look. */
function followChanges(inv: Invocation, onChange: (index: number) => void): void {
  const follow = async (): Promise<void> => {
    while (!inv.io.signal.aborted) {
      try {
        for await (const { event, data } of followEvents(inv, {})) {
          if (event !== 'event') continue;
          const parsed = eventSchema.safeParse(JSON.parse(data));
          if (parsed.success && TOPICS.has(topicOf(parsed.data.type))) onChange(parsed.data.index);
        }
      } catch (error) {
        inv.warn(`no events: ${reportOf(error).message}; looking every few seconds instead`);
        await sleep(10_000, undefined, { signal: inv.io.signal }).catch(() => undefined);
      }
    }
  };
  void follow();
}

/**
 * A fresh signal for each call, which ends when the long one does: whatever a call hangs on it goes with the call, where a
 * process that runs for months would gather it.
 */
function createCallSignals(signal: AbortSignal): () => AbortSignal {
  let current = new AbortController();
  signal.addEventListener('abort', () => current.abort());
  return () => {
    current = new AbortController();
    if (signal.aborted) current.abort();
    return current.signal;
  };
}

/** A wait that can be cut short. */
function createBell(signal: AbortSignal) {
  let rung = false;
  let wake = (): void => undefined;
  signal.addEventListener('abort', () => wake());
  return {
    ring(): void {
      rung = true;
      wake();
    },
    /** Whether it was rung. */
    async wait(ms: number): Promise<boolean> {
      if (!rung && !signal.aborted) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, ms);
          wake = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      }
      const was = rung;
      rung = false;
      return was;
    },
  };
}

/** Reads the configuration, from no node that knows less than what was seen before. */
function createReader(inv: Invocation, version: HaproxyVersion | undefined, callSignal: () => AbortSignal) {
  let etag = '';
  let text = '';
  let minIndex = 0;
  return {
    sawIndex(index: number): void {
      minIndex = Math.max(minIndex, index);
    },
    async read(): Promise<string> {
      const headers = {
        ...(etag === '' ? {} : { 'if-none-match': etag }),
        ...(minIndex === 0 ? {} : { [HEADER.minIndex]: String(minIndex) }),
      };
      try {
        const answer = await inv.callFull(haproxyRoutes.config, { query: { version }, headers, signal: callSignal() });
        text = answer.data;
        etag = answer.headers.get('etag') ?? '';
        return text;
      } catch (error) {
        if (error instanceof ApiError && error.status === 304) return text;
        // A cluster that was restored may have begun to count anew.
        if (error instanceof ApiError && error.code === 'index_not_reached') minIndex = 0;
        throw error;
      }
    },
  };
}

async function openWatch(inv: Invocation, options: WatchOptions, callSignal: () => AbortSignal) {
  const validate = splitCommand(options.validate, '--validate');
  const reload = options.reload === undefined ? undefined : splitCommand(options.reload, '--reload');
  const runtime = options.runtime === false ? null : options.runtime;
  if (typeof runtime === 'string' && !/^\/|^[^:]+:\d+$|^\[.*\]:\d+$/.test(runtime)) {
    throw new CliError('usage', `--runtime ${runtime} is no socket: write /run/haproxy/admin.sock or 127.0.0.1:9999`);
  }
  const installer = await openInstaller({
    ...{ file: options.out, validate, reload, runtime, note: inv.note },
    commandTimeoutMs: options.commandTimeout,
  });
  // A check of one's own may do anything when it is called with -v.
  const program = validate.find((word) => basename(word) === 'haproxy') ?? 'haproxy';
  const { output } = await runCommand([program, '-v'], options.commandTimeout);
  const haproxyVersion = (/version (\S+)/.exec(output)?.[1] ?? '').slice(0, 64);
  const about = { made_for: options.for ?? null, haproxy_version: haproxyVersion };
  return { installer, reporter: createReporter(inv, { name: options.name, about, callSignal }) };
}

const WORDS = { reload: 'reloaded', runtime: 'told the running HAProxy', file: 'nothing to reload' } as const;

function tell(inv: Invocation, file: string, { state, detail, via }: Outcome): void {
  if (state === 'applied') inv.note(`${new Date().toISOString().slice(0, 19)}Z wrote ${file}, ${WORDS[via]}`);
  else if (state === 'rejected') inv.warn(`${file} stays as it was: ${detail}`);
  else inv.warn(`the last good configuration is back: ${detail}`);
}

/** Installs each new text, not more often than it may, and what was refused again now and then. */
function createApplier(inv: Invocation, installer: Installer, options: WatchOptions) {
  let reloadedAt = Number.NEGATIVE_INFINITY;
  let refused: { text: string; retryAt: number; waitMs: number } | undefined;
  let outcome: Outcome = { state: 'applied', detail: '', via: 'file' };
  return {
    outcome: () => outcome,
    /** In how many ms it wants to be asked again; null = it is up to the cluster. */
    async apply(text: string): Promise<number | null> {
      if (installer.runs(text)) {
        if (outcome.state !== 'applied') outcome = { state: 'applied', detail: '', via: 'file' };
        refused = undefined;
        return null;
      }
      const now = performance.now();
      const isRepeated = refused?.text === text;
      if (refused && isRepeated && now < refused.retryAt) return refused.retryAt - now;
      const tooSoonMs = reloadedAt + options.reloadInterval - now;
      if (tooSoonMs > 0 && installer.plan(text).kind === 'reload') return tooSoonMs;
      outcome = await installer.install(text);
      if (!isRepeated || outcome.state === 'applied') tell(inv, options.out, outcome);
      if (outcome.via === 'reload') reloadedAt = performance.now();
      if (outcome.state === 'applied') {
        refused = undefined;
        return null;
      }
      const waitMs = isRepeated && refused ? Math.min(refused.waitMs * 2, LONGEST_RETRY_MS) : FIRST_RETRY_MS;
      refused = { text, waitMs, retryAt: performance.now() + waitMs };
      return waitMs;
    },
  };
}

/**
 * Keeps a file, and the HAProxy that runs it, equal to the configuration for the live members and services until Ctrl-C.
 * @throws CliError, ApiError when the first read is refused, the credentials end, or the disk refuses
 */
async function watchConfig(inv: Invocation, options: WatchOptions): Promise<void> {
  const { signal } = inv.io;
  const callSignal = createCallSignals(signal);
  const { installer, reporter } = await openWatch(inv, options, callSignal);
  const bell = createBell(signal);
  const reader = createReader(inv, options.for, callSignal);
  const applier = createApplier(inv, installer, options);
  let isFirst = true;
  let told = '';
  if (!options.once) {
    followChanges(inv, (index) => {
      reader.sawIndex(index);
      bell.ring();
    });
  }
  while (!signal.aborted) {
    let waitMs = options.interval;
    try {
      const dueMs = await applier.apply(await reader.read());
      waitMs = Math.min(waitMs, dueMs ?? waitMs);
      if (told !== '') inv.note('The cluster answers again.');
      told = '';
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof CliError || isFinal(error) || options.once) throw error;
      if (isFirst && error instanceof ApiError && error.status >= 400 && error.status < 500) throw error;
      const { message } = reportOf(error);
      if (message !== told) inv.warn(`${message}; ${options.out} stays as it is`);
      told = message;
    }
    isFirst = false;
    await reporter.report({ ...applier.outcome(), etag: installer.etag() });
    if (options.once) return applier.outcome().state === 'applied' ? undefined : inv.endWith('error');
    const began = performance.now();
    if (await bell.wait(waitMs)) {
      while (performance.now() - began < LONGEST_SETTLE_MS && (await bell.wait(SETTLE_MS)));
    }
  }
}

export function addWatch(haproxy: Command, run: Run): void {
  haproxy
    .command('watch')
    .description('Keep a HAProxy up to date with the live members and services')
    .addOption(new Option('--for <version>', 'HAProxy version to write for').choices(HAPROXY_VERSIONS))
    .requiredOption('--out <file>', 'the configuration file to replace, in one step; FILE.last-good is kept beside it')
    .option(
      '--reload <command>',
      "what makes HAProxy read the file, such as 'systemctl reload haproxy'; without a shell",
    )
    .option(
      '--validate <command>',
      'what checks a file before it is installed; its path is put at the end',
      'haproxy -c -f',
    )
    .option(
      '--runtime <socket>',
      'runtime API of the HAProxy, /path or host:port; by default where the configuration opens it',
    )
    .option('--no-runtime', 'never change servers without a reload')
    .option('--name <name>', 'under which this load balancer reports', hostname())
    .option('--once', 'bring the file up to date and end; status 1 when that failed')
    .option('--interval <duration>', 'look at least so often', durationBetween('200ms', '5m'), 2_000)
    .option('--reload-interval <duration>', 'reload no more often', durationBetween('0s', '10m'), 5_000)
    .option('--command-timeout <duration>', 'how long a command may take', durationBetween('1s', '10m'), 60_000)
    .action(
      run(async (inv, options: WatchOptions) => {
        const unlock = await lockFile(options.out);
        await watchConfig(inv, options).finally(unlock);
      }),
    );
}
