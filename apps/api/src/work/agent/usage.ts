import { cpus, freemem, loadavg, totalmem } from 'node:os';
import type { MetricsBatch } from '@quorate/shared/runner-protocol';
import { allProcesses, type ProcessStat, statOf } from './processes';

/** What a process group uses. CPU percent is of one processor. */
export interface GroupUsage {
  readonly cpu_percent: number;
  readonly cpu_seconds: number;
  readonly rss_bytes: number;
  readonly processes: number;
}

const TICKS_PER_SECOND = 100;
const NOTHING: GroupUsage = { cpu_percent: 0, cpu_seconds: 0, rss_bytes: 0, processes: 0 };

/** By the ratio of the two ways in which this process is told its own size. */
function pageBytes(): number {
  const own = statOf('self');
  const ratio = process.memoryUsage.rss() / (own?.rssPages || 1);
  return ratio >= 1024 ? 2 ** Math.round(Math.log2(ratio)) : 4096;
}

/**
 * Reads what process groups use, each call since the one before. A child that makes itself a group of its own is not seen.
 * Empty where there is no /proc.
 */
export function createGroupSampler(
  read: () => Iterable<Pick<ProcessStat, 'group' | 'ticks' | 'rssPages'>> = allProcesses,
  clock: () => number = () => performance.now(),
): (groups: readonly number[]) => Map<number, GroupUsage> {
  let before = new Map<number, number>();
  let beforeAt = clock();
  let bytes: number | undefined;
  /** What groups that were there before used before is not known. */
  let isFirst = true;

  function sums(groups: readonly number[]): Map<number, { ticks: number; pages: number; processes: number }> {
    const found = new Map(groups.map((group) => [group, { ticks: 0, pages: 0, processes: 0 }]));
    if (found.size === 0) return found;
    for (const { group, ticks, rssPages } of read()) {
      const sum = found.get(group);
      if (!sum) continue;
      sum.ticks += ticks;
      sum.pages += rssPages;
      sum.processes += 1;
    }
    return found;
  }

  return (groups) => {
    const now = clock();
    const seconds = (now - beforeAt) / 1000;
    const usage = new Map<number, GroupUsage>();
    const after = new Map<number, number>();
    try {
      bytes ??= pageBytes();
      for (const [group, { ticks, pages, processes: count }] of sums(groups)) {
        // What orphans used is lost with them; a counter must not go back.
        const total = Math.max(ticks, before.get(group) ?? 0);
        const used = (total - (before.get(group) ?? 0)) / TICKS_PER_SECOND;
        after.set(group, total);
        usage.set(group, {
          cpu_percent: isFirst || seconds <= 0 ? 0 : Math.round((used / seconds) * 1000) / 10,
          cpu_seconds: total / TICKS_PER_SECOND,
          rss_bytes: pages * bytes,
          processes: count,
        });
      }
    } catch {
      for (const group of groups) usage.set(group, NOTHING);
    }
    before = after;
    beforeAt = now;
    isFirst = false;
    return usage;
  };
}

/** Load of this host since the last call. */
export function createHostSampler(): () => MetricsBatch['host'] {
  const totals = () => {
    const times = cpus().map((cpu) => cpu.times);
    const sum = (pick: (time: (typeof times)[number]) => number) => times.reduce((all, time) => all + pick(time), 0);
    return { idle: sum((time) => time.idle), all: sum((t) => t.user + t.nice + t.sys + t.idle + t.irq) };
  };
  const tenths = (part: number): number => Math.min(100, Math.max(0, Math.round(part * 1000) / 10));
  let before = totals();
  return () => {
    const now = totals();
    const all = now.all - before.all;
    const busy = all <= 0 ? 0 : 1 - (now.idle - before.idle) / all;
    before = now;
    const used = totalmem() - freemem();
    return {
      cpu_percent: tenths(busy),
      memory_percent: tenths(used / totalmem()),
      memory_bytes: used,
      load: loadavg()[0] ?? 0,
    };
  };
}
