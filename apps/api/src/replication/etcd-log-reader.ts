import { delay } from '../lib/async';
import type { Logger } from '../lib/logger';
import type { EtcdWatch } from './etcd/client';
import { EtcdError } from './etcd/errors';
import type { WatchEvent, WatchResponse } from './etcd/proto';
import { parseGenesis } from './etcd-log-genesis';
import type { LogSource } from './etcd-log-source';
import { nextEpoch, unpackEntry } from './etcd-log-value';
import { EpochChanged, LogCompacted, type LogEntry, LogGap, type LogPosition, LogUnavailable } from './log';

/** How often a silent watch is checked against the linearizable tip. Two checks ahead in a row = it lost events. */
const PROBE_MS = 1000;
/** An entry that this process appended, and that the watch has not delivered after two such waits, is not on its way. */
const OVERDUE_MS = 200;
/** Without any contact for this long, `read` ends with LogUnavailable. */
const GIVE_UP_MS = 3000;
const RECONNECT_MS = 100;
/** A watch that skips or stays silent at one and the same place this often will not get better by re-opening. */
const MAX_STRIKES = 3;
const DELETE = 1;

/** Last entry handed out, by index and by the revision that wrote it. */
interface Point {
  readonly index: number;
  readonly revision: number;
}

/** The watch doesn't deliver what it should: open another. */
class WatchFault extends Error {}
/** The member behind the watch may be stopped or cut off: open another, which says nothing against the log. */
class WatchOverdue extends Error {}

/**
 * Reads the log by watching its key. Each watch starts one revision after the last entry that the consumer asked
 * past, every event must continue the index, and a silent watch is compared with the linearizable tip: etcd 3.4
 * can lose events of a watch, and says nothing. `acknowledged` is the revision of the last entry appended by this process.
 */
export async function* readLog(
  source: LogSource,
  epoch: number,
  position: LogPosition,
  signal: AbortSignal,
  log: Logger,
  acknowledged: () => number = () => 0,
): AsyncGenerator<LogEntry> {
  let at = await unavailableAs(resumePoint(source, epoch, position));
  let strikes = { index: -1, count: 0 };
  let contactMs = performance.now();
  // Once for each place: after that the comparison with the tip has to prove that events are lost.
  let hurriedAt = -1;
  const owed = (): boolean => acknowledged() > at.revision && hurriedAt !== at.index;
  while (!signal.aborted) {
    let watch: EtcdWatch | null = null;
    const cancel = (): void => watch?.cancel();
    signal.addEventListener('abort', cancel, { once: true });
    try {
      await checkAgainstTip(source, at);
      watch = await source.watch(at.revision + 1);
      for await (const event of watchedEvents(source, watch, signal, { at: () => at, owed })) {
        contactMs = performance.now();
        if (typeof event === 'number') {
          at = await afterCompaction(source, at, event);
          break;
        }
        const entry = await accept(source, epoch, at, event);
        if (!entry) continue;
        yield entry;
        at = { index: entry.index, revision: Number(entry.cursor) };
      }
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof WatchFault) {
        strikes = { index: at.index, count: strikes.index === at.index ? strikes.count + 1 : 1 };
        if (strikes.count >= MAX_STRIKES) throw new LogGap(`after entry ${at.index}: ${error.message}`);
      } else if (error instanceof WatchOverdue) {
        hurriedAt = at.index;
      } else if (!(error instanceof EtcdError)) {
        throw error;
      } else if (performance.now() - contactMs > GIVE_UP_MS) {
        throw new LogUnavailable(error.message);
      }
      log.debug({ index: at.index, reason: String(error) }, 'log watch is opened again');
      if (watch) source.avoid(watch.endpoint);
      await delay(RECONNECT_MS, signal);
    } finally {
      signal.removeEventListener('abort', cancel);
      watch?.cancel();
    }
  }
}

/** Where the first watch starts. */
async function resumePoint(source: LogSource, epoch: number, position: LogPosition): Promise<Point> {
  const genesis = await source.genesis();
  const base = genesis.base_index;
  if (position.epoch > epoch) throw new EpochChanged(position.epoch, epoch);
  // Entries past the base that belong to an older epoch were never part of this one.
  if (position.epoch < epoch && position.index > base) throw new EpochChanged(position.epoch, epoch);
  if (position.index < base) throw new LogCompacted(`entries up to ${base} are of an older epoch`);
  if (position.index === base) return { index: base, revision: genesis.modRevision };
  if (position.cursor !== '') return checkedCursor(source, position.index, base, parseCursor(position.cursor));
  const tip = await source.tip();
  if (position.index > tip.index) throw aheadOf(position.index, tip.index);
  const revision = await source.revisionOf(position.index - base, tip);
  if (revision === null) throw new LogCompacted(`entry ${position.index} is no longer in the log`);
  return { index: position.index, revision };
}

/** An etcd restored from an old copy issues the same versions again at other revisions: then the cursor is void. */
async function checkedCursor(source: LogSource, index: number, base: number, revision: number): Promise<Point> {
  try {
    const found = await source.versionAt(revision);
    if (found && (base + found.version !== index || found.modRevision !== revision)) {
      throw new LogGap(
        `etcd revision ${revision} holds entry ${base + found.version}, but entry ${index} was read there`,
      );
    }
  } catch (error) {
    if (error instanceof EtcdError && error.kind === 'future_revision') {
      throw new LogGap(
        `etcd has not reached revision ${revision}, where entry ${index} was read: it went back in time`,
      );
    }
    throw error;
  }
  return { index, revision };
}

function parseCursor(cursor: string): number {
  const revision = Number(cursor);
  if (!/^\d+$/.test(cursor) || !Number.isSafeInteger(revision)) {
    throw new RangeError(`cursor ${JSON.stringify(cursor)} is not an etcd revision`);
  }
  return revision;
}

const aheadOf = (index: number, tip: number): LogGap =>
  new LogGap(`entry ${index} was read before, but the log ends at ${tip}: etcd went back in time`);

/** What was read must still be there. @throws EpochChanged before a watch that would wait in vain */
async function checkAgainstTip(source: LogSource, at: Point): Promise<void> {
  const tip = await source.tip();
  if (at.index > tip.index) throw aheadOf(at.index, tip.index);
}

/** Nothing is lost when what was compacted is what we have. */
async function afterCompaction(source: LogSource, at: Point, compactRevision: number): Promise<Point> {
  const { base_index: base } = await source.genesis();
  const kept = await source.versionAt(compactRevision);
  if (!kept || base + kept.version > at.index) {
    throw new LogCompacted(`entries after ${at.index} were trimmed up to etcd revision ${compactRevision}`);
  }
  return { index: at.index, revision: compactRevision };
}

/** The next entry, or null for an event to ignore. */
async function accept(source: LogSource, epoch: number, at: Point, event: WatchEvent): Promise<LogEntry | null> {
  const { kv } = event;
  if (kv.key.equals(source.genesisKey)) {
    if (event.type === DELETE) throw new LogGap('the epoch record was deleted');
    source.checkGenesis(parseGenesis(kv));
    return null;
  }
  if (!kv.key.equals(source.logKey)) return null;
  if (event.type === DELETE) throw new LogGap('the log key was deleted');
  const revision = Number(kv.mod_revision);
  if (revision <= at.revision) return null;
  const next = nextEpoch(kv.value);
  if (next !== undefined) source.end(next);
  const index = (await source.genesis()).base_index + Number(kv.version);
  if (index <= at.index) throw new LogGap(`entry ${index} came again at revision ${revision}, after ${at.index}`);
  if (index !== at.index + 1) throw new WatchFault(`the watch skipped to ${index}`);
  return { epoch, index, cursor: kv.mod_revision, bytes: unpackEntry(kv.value) };
}

interface ReaderState {
  readonly at: () => Point;
  /** An entry beyond that place is known to be in the log. */
  readonly owed: () => boolean;
}

/** Events of one watch in order; a number is the compact revision that ended it. */
async function* watchedEvents(
  source: LogSource,
  watch: EtcdWatch,
  signal: AbortSignal,
  reader: ReaderState,
): AsyncGenerator<WatchEvent | number> {
  const responses = watch.responses[Symbol.asyncIterator]();
  let created = false;
  while (!signal.aborted) {
    const response = await nextResponse(source, responses, () => created, reader);
    created ||= response.created;
    if (response.canceled) {
      if (response.compact_revision !== '0') {
        yield Number(response.compact_revision);
        return;
      }
      throw new EtcdError(`watch cancelled: ${response.cancel_reason}`, 'other', 'not_done', watch.endpoint);
    }
    yield* response.events;
  }
}

/** Waits for a message, and meanwhile looks whether there should be one. */
async function nextResponse(
  source: LogSource,
  responses: AsyncIterator<WatchResponse>,
  created: () => boolean,
  reader: ReaderState,
): Promise<WatchResponse> {
  let settled: { value: WatchResponse } | { error: unknown } | null = null;
  let wake = (): void => {};
  // One handler for the whole wait: racing a long-lived promise again and again would keep every racer alive.
  responses.next().then(
    (result) => {
      settled = result.done ? { error: new WatchFault('the watch ended') } : { value: result.value };
      wake();
    },
    (error) => {
      settled = { error };
      wake();
    },
  );
  const silence = createSilenceCheck(source, created, reader);
  for (;;) {
    if (!settled) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, OVERDUE_MS);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    const outcome = settled as { value: WatchResponse } | { error: unknown } | null;
    if (outcome && 'error' in outcome) throw outcome.error;
    if (outcome) return outcome.value;
    await silence(() => settled !== null);
  }
}

/** Called each {@link OVERDUE_MS} of silence. @throws WatchOverdue, WatchFault, EtcdError */
function createSilenceCheck(source: LogSource, created: () => boolean, reader: ReaderState) {
  let owedBefore = false;
  let aheadBefore = false;
  let probedMs = performance.now();
  return async (isOver: () => boolean): Promise<void> => {
    const owed = reader.owed();
    if (owed && owedBefore) throw new WatchOverdue('the watch is silent about an entry that was appended here');
    owedBefore = owed;
    if (performance.now() - probedMs < PROBE_MS) return;
    if (!created()) throw new EtcdError('the watch was not confirmed in time', 'timeout', 'not_done', '');
    const ahead = (await source.tip()).index > reader.at().index;
    if (isOver()) return;
    if (ahead && aheadBefore) throw new WatchFault('the watch is silent though the log went on');
    aheadBefore = ahead;
    probedMs = performance.now();
  };
}

/** Failures of etcd before the first entry mean: not now. */
async function unavailableAs<T>(promise: Promise<T>): Promise<T> {
  try {
    return await promise;
  } catch (error) {
    if (error instanceof EtcdError) throw new LogUnavailable(error.message);
    throw error;
  }
}
