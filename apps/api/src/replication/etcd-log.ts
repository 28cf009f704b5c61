import type { Logger } from '../lib/logger';
import type { EtcdClient } from './etcd/client';
import { EtcdError } from './etcd/errors';
import { readLog } from './etcd-log-reader';
import { createLogSource, type LogSource } from './etcd-log-source';
import { createStallGuard, type StallGuard } from './etcd-log-stall';
import { packEntry } from './etcd-log-value';
import { AppendUnknown, EpochChanged, type Log, LogUnavailable, MAX_ENTRY_BYTES } from './log';

export interface EtcdLogOptions {
  /** Stays open when the log closes. */
  readonly client: EtcdClient;
  /** Key prefix in etcd, without a trailing slash: `/quorate`. */
  readonly prefix: string;
  /** The epoch that this node follows; its genesis must have been written (`writeGenesis`). */
  readonly epoch: number;
  readonly log: Logger;
}

/**
 * The replicated log: the MVCC history of one etcd key per epoch. An entry's index is the epoch's base plus the key's
 * version, so etcd itself makes it contiguous. See `etcd/DESIGN.md`.
 */
export function createEtcdLog(options: EtcdLogOptions): Log {
  const { client, epoch, log } = options;
  const source = createLogSource(client, options.prefix, epoch);
  const closing = new AbortController();
  const writing = { client, source, stalls: createStallGuard(client) };
  /** Revision of the last entry that was appended through here. */
  let acknowledged = 0;

  function refuseClosed(): void {
    if (closing.signal.aborted) throw new LogUnavailable('the log is closed');
  }

  return {
    kind: 'etcd',
    epoch,
    async append(bytes, { signal } = {}) {
      refuseClosed();
      if (bytes.length > MAX_ENTRY_BYTES)
        throw new RangeError(`an entry of ${bytes.length} bytes is over ${MAX_ENTRY_BYTES}`);
      if (signal?.aborted) throw new LogUnavailable('given up before the entry was sent');
      const revision = await append(writing, bytes, signal);
      acknowledged = Math.max(acknowledged, revision);
    },
    async *read(position, signal) {
      refuseClosed();
      const until = AbortSignal.any([signal, closing.signal]);
      yield* readLog(source, epoch, position, until, log, () => acknowledged);
    },
    async barrier(signal) {
      refuseClosed();
      try {
        return (await source.tip(signal)).index;
      } catch (error) {
        throw asUnavailable(error);
      }
    },
    async compact(before) {
      refuseClosed();
      try {
        await compact(client, source, before);
      } catch (error) {
        throw asUnavailable(error);
      }
    },
    async close() {
      closing.abort();
    },
  };
}

/** @returns the revision that wrote it */
async function append(
  { client, source, stalls }: { client: EtcdClient; source: LogSource; stalls: StallGuard },
  bytes: Uint8Array,
  signal?: AbortSignal,
): Promise<number> {
  await source.genesis().catch((error: unknown) => {
    throw asUnavailable(error);
  });
  const { refusal } = source;
  if (refusal) throw refusal instanceof EpochChanged ? refusal : new LogUnavailable(refusal.message);
  const put = { key: source.logKey, value: packEntry(bytes) };
  try {
    const answer = await stalls.run((over) => client.call('KV.Put', put, { retry: 'unsent', signal: over }), signal);
    stalls.observe(answer.header.raft_term);
    return Number(answer.header.revision);
  } catch (error) {
    if (!(error instanceof EtcdError)) throw error;
    if (error.outcome === 'unknown') throw new AppendUnknown(error.message);
    throw asUnavailable(error);
  }
}

/** Compacts just below the entry `before`: etcd then keeps that entry, and the newest one in any case. */
async function compact(client: EtcdClient, source: LogSource, before: number): Promise<void> {
  const { base_index: base } = await source.genesis();
  const tip = await source.tip();
  if (before <= base + 1 || tip.version === 0) return;
  const kept = before > tip.index ? tip.modRevision : await source.revisionOf(before - base, tip);
  if (kept === null || kept <= 1) return;
  try {
    await client.call('KV.Compact', { revision: before > tip.index ? kept : kept - 1 }, { retry: 'safe' });
  } catch (error) {
    if (!(error instanceof EtcdError && error.kind === 'compacted')) throw error;
  }
}

function asUnavailable(error: unknown): unknown {
  return error instanceof EtcdError ? new LogUnavailable(error.message) : error;
}
