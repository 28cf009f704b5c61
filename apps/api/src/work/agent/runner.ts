import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import pRetry from 'p-retry';
import type { ClientOptions } from 'ws';
import { delay } from '../../lib/async';
import type { Clock } from '../../lib/clock';
import type { Logger } from '../../lib/logger';
import type { ProgramUser } from '../../lib/program-user';
import { LEASE_MS, SAMPLE_MS } from '../lease';
import { bootId, createAgent } from './agent';
import { type Link, openLink, type RunnerSelf, type Trust } from './link';
import { createMeasure } from './measure';
import { type Carrier, createOutbox } from './outbox';
import { createReplicas } from './replicas/replicas';
import { createSpawner } from './spawner';

export interface RunnerOptions {
  /** Who it is: what another runner left in `dir` is ended. */
  readonly id: string;
  readonly dir: string;
  /** Whom programs run as; undefined = as this process. */
  readonly user: ProgramUser | undefined;
  readonly self: RunnerSelf;
  /** Cluster addresses to begin with; the cores tell of changes. */
  readonly cores: readonly string[];
  readonly tls: () => ClientOptions;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Called with each change, to be remembered for the next start. */
  readonly onCores: (addresses: readonly string[]) => void;
  /** Called with what each core says when it is connected, and with each change. */
  readonly onTrust: (trust: Trust) => void;
  /** Called once: the cluster does not know this runner any more. */
  readonly onRemoved: () => void;
}

export interface Runner {
  readonly connected: number;
  /** Asks one core after the other for a certificate. @throws the last reason when none gives one */
  renew(csr: string): Promise<string>;
  /** Opens every connection anew, one after the other: with another certificate, say. */
  reconnect(): Promise<void>;
  /** Ends its jobs. The replicas of services go on, unless it was removed: the next start takes them over. */
  stop(): Promise<void>;
}

const RETRY = { retries: Number.POSITIVE_INFINITY, minTimeout: 200, maxTimeout: 5_000, randomize: true } as const;
const LEASE_CHECK_MS = 500;
const REOPEN_MS = 10_000;
const REOPEN_POLL_MS = 50;

interface Entry {
  readonly stop: AbortController;
  link: Link | undefined;
  readonly done: Promise<void>;
}

/** Connects to every core node, and stays so: what it is told to run it runs, whichever core says so first. */
export function startRunner(options: RunnerOptions): Runner {
  const { logger, dir, user } = options;
  const stopping = new AbortController();
  const links = new Map<string, Entry>();
  let renewedAt = Number.NEGATIVE_INFINITY;
  const leaseHeld = (): boolean => performance.now() - renewedAt < LEASE_MS;
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const spawner = createSpawner({ leaseEndsAt: () => renewedAt + LEASE_MS, user, logger });
  const agent = createAgent({
    ...{ dir, spawner, user, logger, leaseHeld },
    report: (reports) => byOne((link) => link.report(reports)),
  });
  const replicas = createReplicas({
    ...{ dir: join(dir, 'replicas'), bootId: bootId(), spawner, user, logger },
    report: (reports) => byOne((link) => link.reportReplicas(reports)),
  });
  let isRemoved = false;
  const measure = createMeasure(
    () => [...agent.programs(), ...replicas.running().map((one) => ({ kind: 'replica' as const, ...one }))],
    options.clock,
  );
  let measured = measure();
  const outbox = createOutbox({ file: join(dir, 'measured.json'), carriers: () => openLinks().map(carrierOf), logger });

  const openLinks = (): Link[] => [...links.values()].flatMap(({ link }) => (link?.isOpen ? [link] : []));
  const carrierOf = (link: Link): Carrier => ({ core: link.core, stamp: link.stamp, send: link.sendMetrics });

  /** Asks one core after the other, until one has done it. @throws the last reason */
  async function byOne<T>(ask: (link: Link) => Promise<T>): Promise<T> {
    let last: unknown = new Error('no core node is connected');
    for (const link of openLinks()) {
      try {
        return await ask(link);
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

  function onOpen(link: Link): void {
    outbox.connected(carrierOf(link));
    // Any core can write it down; the next connection says it again.
    link.hello(options.self).catch((error: unknown) => logger.debug({ err: error }, 'a core did not take the hello'));
  }

  function keepLink(address: string): Entry {
    const stop = new AbortController();
    const signal = AbortSignal.any([stop.signal, stopping.signal]);
    const session = async (): Promise<void> => {
      const link = openLink({
        ...{ address, tls: options.tls, logger, onCores: setCores, onTrust: options.onTrust },
        sample: () => ({
          cpu_percent: measured.host.cpu_percent,
          memory_percent: measured.host.memory_percent,
          problem: agent.problem,
        }),
        onWork(work) {
          agent.assign(work);
          replicas.assign({ owner: options.id, index: work.index, replicas: work.replicas });
        },
        onOpen,
        onRenewed: (sentAt) => {
          renewedAt = Math.max(renewedAt, sentAt);
        },
        output: (range) => ('service' in range ? replicas.output(range) : agent.output(range)),
      });
      entry.link = link;
      const onStop = (): void => link.close();
      signal.addEventListener('abort', onStop, { once: true });
      const why = await link.ended.finally(() => signal.removeEventListener('abort', onStop));
      if (why === 'left') outbox.left(link.core);
      // Each core says so.
      if (why === 'removed' && !isRemoved) {
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
    const done = keep()
      .catch(() => undefined)
      .then(() => void links.delete(address));
    const entry: Entry = { stop, link: undefined, done };
    return entry;
  }

  const watch = setInterval(() => {
    if (!leaseHeld()) agent.loseLease();
  }, LEASE_CHECK_MS);
  const sampling = setInterval(() => {
    measured = measure();
    outbox.add(measured);
  }, SAMPLE_MS);
  setCores(options.cores);
  return {
    get connected() {
      return openLinks().length;
    },
    renew: (csr) => byOne((link) => link.renew(csr)),
    async reconnect() {
      for (const entry of links.values()) {
        const before = entry.link;
        before?.close();
        const until = performance.now() + REOPEN_MS;
        const isReopened = (): boolean => entry.link !== before && entry.link?.isOpen === true;
        while (!isReopened() && performance.now() < until && !stopping.signal.aborted) await delay(REOPEN_POLL_MS);
      }
    },
    async stop() {
      clearInterval(watch);
      clearInterval(sampling);
      await Promise.all([agent.stop(), isRemoved ? replicas.stopAll() : replicas.leave()]);
      spawner.stop();
      outbox.stop();
      stopping.abort();
      await Promise.all([...links.values()].map(({ done }) => done));
    },
  };
}
