import { cpus, freemem, totalmem } from 'node:os';
import { join } from 'node:path';
import type { JobReport } from '@quorate/shared/runner-protocol';
import pRetry from 'p-retry';
import type { ClientOptions } from 'ws';
import { delay } from '../../lib/async';
import type { Logger } from '../../lib/logger';
import { LEASE_MS } from '../lease';
import { bootId, createAgent } from './agent';
import { type Link, openLink } from './link';
import { createReplicas } from './replicas/replicas';

export interface RunnerOptions {
  /** Who it is: what another runner left in `dir` is ended. */
  readonly id: string;
  readonly dir: string;
  /** Cluster addresses to begin with; the cores tell of changes. */
  readonly cores: readonly string[];
  readonly tls: () => ClientOptions;
  readonly logger: Logger;
  /** Called with each change, to be remembered for the next start. */
  readonly onCores: (addresses: readonly string[]) => void;
  /** Called once: the cluster does not know this runner any more. */
  readonly onRemoved: () => void;
}

export interface Runner {
  readonly connected: number;
  /** Ends its jobs. The replicas of services go on, unless it was removed: the next start takes them over. */
  stop(): Promise<void>;
}

const RETRY = { retries: Number.POSITIVE_INFINITY, minTimeout: 200, maxTimeout: 5_000, randomize: true } as const;
const LEASE_CHECK_MS = 500;

/** Connects to every core node, and stays so: what it is told to run it runs, whichever core says so first. */
export function startRunner(options: RunnerOptions): Runner {
  const { logger } = options;
  const stopping = new AbortController();
  const links = new Map<string, { stop: AbortController; link: Link | undefined; done: Promise<void> }>();
  let renewedAt = Number.NEGATIVE_INFINITY;
  const leaseHeld = (): boolean => performance.now() - renewedAt < LEASE_MS;
  const sample = createSampler();
  const report = (reports: JobReport[]): Promise<void> => toAnyCore((link) => link.report(reports));
  const agent = createAgent({ dir: options.dir, logger, report, leaseHeld });
  const replicas = createReplicas({
    ...{ dir: join(options.dir, 'replicas'), bootId: bootId(), logger },
    report: (reports) => toAnyCore((link) => link.reportReplicas(reports)),
  });
  let isRemoved = false;

  /** To one core after the other, until one has it. */
  async function toAnyCore(tell: (link: Link) => Promise<void>): Promise<void> {
    let last: unknown = new Error('no core node is connected');
    for (const { link } of links.values()) {
      if (!link?.isOpen) continue;
      try {
        return await tell(link);
      } catch (error) {
        last = error;
      }
    }
    throw last;
  }

  function setCores(addresses: readonly string[]): void {
    if (stopping.signal.aborted || addresses.length === 0) return;
    for (const [address, entry] of links) if (!addresses.includes(address)) entry.stop.abort();
    for (const address of addresses) if (!links.has(address)) links.set(address, keepLink(address));
    options.onCores(addresses);
  }

  function keepLink(address: string) {
    const entry = { stop: new AbortController(), link: undefined as Link | undefined, done: Promise.resolve() };
    const signal = AbortSignal.any([entry.stop.signal, stopping.signal]);
    const session = async (): Promise<void> => {
      const link = openLink({
        ...{ address, tls: options.tls, sample, logger, onCores: setCores },
        onWork(work) {
          agent.assign(work);
          replicas.assign({ owner: options.id, index: work.index, replicas: work.replicas });
        },
        onRenewed: (sentAt) => {
          renewedAt = Math.max(renewedAt, sentAt);
        },
        output: (range) => ('service' in range ? replicas.output(range) : agent.output(range)),
      });
      entry.link = link;
      const onStop = (): void => link.close();
      signal.addEventListener('abort', onStop, { once: true });
      const why = await link.ended.finally(() => signal.removeEventListener('abort', onStop));
      if (why === 'removed') {
        isRemoved = true;
        options.onRemoved();
      }
      if (why === 'never_open') throw new Error(`${address} cannot be reached`);
    };
    // Waits longer and longer while a core is away; after a session that worked it begins anew.
    const keep = async (): Promise<void> => {
      while (!signal.aborted) {
        await pRetry(session, { ...RETRY, signal });
        await delay(RETRY.minTimeout * (1 + Math.random()), signal);
      }
    };
    entry.done = keep()
      .catch(() => undefined)
      .then(() => void links.delete(address));
    return entry;
  }

  const watch = setInterval(() => {
    if (!leaseHeld()) agent.loseLease();
  }, LEASE_CHECK_MS);
  setCores(options.cores);
  return {
    get connected() {
      return [...links.values()].filter(({ link }) => link?.isOpen).length;
    },
    async stop() {
      clearInterval(watch);
      await Promise.all([agent.stop(), isRemoved ? replicas.stopAll() : replicas.leave()]);
      stopping.abort();
      await Promise.all([...links.values()].map(({ done }) => done));
    },
  };
}

/** Load of this host since the last call, in percent. */
function createSampler(): () => { cpu_percent: number; memory_percent: number } {
  const totals = () => {
    const times = cpus().map((cpu) => cpu.times);
    const idle = times.reduce((sum, time) => sum + time.idle, 0);
    return {
      idle,
      all: times.reduce((sum, { user, nice, sys, idle: i, irq }) => sum + user + nice + sys + i + irq, 0),
    };
  };
  let before = totals();
  return () => {
    const now = totals();
    const all = now.all - before.all;
    const busy = all === 0 ? 0 : 1 - (now.idle - before.idle) / all;
    before = now;
    return {
      cpu_percent: Math.round(busy * 1000) / 10,
      memory_percent: Math.round((1 - freemem() / totalmem()) * 1000) / 10,
    };
  };
}
