import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { delay } from '../../lib/async';
import type { Logger } from '../../lib/logger';
import type { EtcdClient } from '../../replication/etcd/client';
import { COMPARE_EQUAL, TARGET_VALUE, TARGET_VERSION } from '../../replication/etcd/proto';

/**
 * Who leads where etcd's own leader is none of our nodes. One key holds who leads and is rewritten with each beat, only in
 * place of the very record that was read. No clock is compared: the leader counts from before it wrote, the others from
 * when they saw the record change, and they wait longer than it holds on.
 */
export interface Election {
  /** Null while nobody is known to lead. */
  leaderId(): number | null;
  /** Grows with each change of leadership. */
  term(): number;
  /** Gives leadership up when this node has it. */
  stop(): Promise<void>;
}

export interface ElectionOptions {
  readonly client: EtcdClient;
  readonly prefix: string;
  readonly nodeId: number;
  /** Whether this node may lead now: a voter in service. */
  readonly eligible: () => boolean;
  readonly logger: Logger;
}

const BEAT_MS = 500;
/** How long a leader counts on its last beat. */
const HOLD_MS = 2_500;
/** How long the others wait for the next beat before one of them takes over. */
const TAKEOVER_MS = 4_000;

/** `node` is 0 after the leader gave up. */
const recordSchema = z.object({ node: z.int(), term: z.int(), process: z.string(), beat: z.int() });
type ElectionRecord = z.infer<typeof recordSchema>;

/** Sorts before `<prefix>/epoch`: outside the range that readers of the log watch. */
const electionKey = (prefix: string): Buffer => Buffer.from(`${prefix}/election`);

export function startElection(options: ElectionOptions): Election {
  const { client, nodeId, eligible, logger } = options;
  const key = electionKey(options.prefix);
  const process = randomUUID();
  const stopping = new AbortController();
  let seen: { bytes: Buffer | undefined; record: ElectionRecord | undefined; sinceMs: number } | undefined;
  let heldUntilMs = 0;

  const isOwn = (record: ElectionRecord | undefined): boolean => record?.process === process && record.node === nodeId;

  async function look(): Promise<void> {
    const answer = await client.call('KV.Range', { key }, { retry: 'safe' });
    const bytes = answer.kvs[0]?.value;
    if (seen && (bytes === undefined ? seen.bytes === undefined : seen.bytes?.equals(bytes))) return;
    const parsed = bytes && recordSchema.safeParse(JSON.parse(bytes.toString('utf8')));
    seen = { bytes, record: parsed?.data, sinceMs: performance.now() };
  }

  /** Writes only in place of what was read. */
  async function write(next: ElectionRecord): Promise<boolean> {
    const startedMs = performance.now();
    const value = Buffer.from(JSON.stringify(next));
    const unchanged = seen?.bytes
      ? ({ result: COMPARE_EQUAL, target: TARGET_VALUE, key, value: seen.bytes } as const)
      : ({ result: COMPARE_EQUAL, target: TARGET_VERSION, key, version: 0 } as const);
    const request = { compare: [unchanged], success: [{ request_put: { key, value } }], failure: [] };
    const { succeeded } = await client.call('KV.Txn', request, { retry: 'unsent' });
    if (!succeeded) return false;
    seen = { bytes: value, record: next, sinceMs: performance.now() };
    heldUntilMs = next.node === nodeId ? startedMs + HOLD_MS : 0;
    return true;
  }

  async function beat(): Promise<void> {
    await look();
    const record = seen?.record;
    if (record && isOwn(record)) {
      await write(eligible() ? { ...record, beat: record.beat + 1 } : { ...record, node: 0, beat: record.beat + 1 });
      return;
    }
    heldUntilMs = 0;
    if (!eligible()) return;
    // A record of an earlier run of this node is nobody's any more: the data directory is locked.
    const isFree = record === undefined || record.node === 0 || record.node === nodeId;
    if (!isFree && performance.now() - (seen?.sinceMs ?? 0) < TAKEOVER_MS) return;
    const term = (record?.term ?? 0) + 1;
    if (await write({ node: nodeId, term, process, beat: 0 })) logger.info({ term }, 'this node leads now');
  }

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      await beat().catch((error: unknown) => logger.debug({ err: error }, 'the election cannot be looked at now'));
      await delay(BEAT_MS, stopping.signal);
    }
  }
  const running = run();

  return {
    leaderId() {
      const record = seen?.record;
      if (!seen || !record || record.node === 0) return null;
      const nowMs = performance.now();
      if (isOwn(record)) return nowMs < heldUntilMs ? nodeId : null;
      return nowMs - seen.sinceMs < TAKEOVER_MS ? record.node : null;
    },
    term: () => seen?.record?.term ?? 0,
    async stop() {
      stopping.abort();
      await running;
      const record = seen?.record;
      if (!record || !isOwn(record)) return;
      await write({ ...record, node: 0, beat: record.beat + 1 }).catch(() => false);
    },
  };
}
