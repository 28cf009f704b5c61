import { spawn } from 'node:child_process';
import { expect, it } from 'vitest';
import { until } from '../../testing/until';
import { parseStat } from './processes';
import { createGroupSampler, createHostSampler } from './usage';

it('reads a process whose name looks like fields', () => {
  const line = `7 (a) R 9 (b) S 1 42 42 0 -1 4194560 1 2 3 4 150 50 25 25 20 0 1 0 99 1000 12 1844 0 0`;
  expect(parseStat(line)).toMatchObject({
    pid: 7,
    alive: true,
    group: 42,
    session: 42,
    ticks: 250,
    startTime: '99',
    rssPages: 12,
  });
});

it('sums a group, never goes back, and says percent of one processor', () => {
  let now = 0;
  let processes = [{ group: 5, ticks: 100, rssPages: 2 }];
  const sample = createGroupSampler(
    () => processes,
    () => now,
  );
  expect(sample([5]).get(5)).toMatchObject({ cpu_percent: 0, cpu_seconds: 1, processes: 1 });
  now = 2_000;
  processes = [
    { group: 5, ticks: 200, rssPages: 2 },
    { group: 5, ticks: 300, rssPages: 3 },
    { group: 6, ticks: 900, rssPages: 3 },
  ];
  expect(sample([5]).get(5)).toMatchObject({ cpu_percent: 200, cpu_seconds: 5, processes: 2 });
  now = 4_000;
  processes = [{ group: 5, ticks: 200, rssPages: 2 }];
  expect(sample([5]).get(5)).toMatchObject({ cpu_percent: 0, cpu_seconds: 5, processes: 1 });
});

it('sees what a real group with a child uses', async () => {
  const child = spawn('sh', ['-c', 'while :; do :; done & while :; do :; done'], { detached: true, stdio: 'ignore' });
  try {
    const group = child.pid ?? 0;
    const sample = createGroupSampler();
    sample([group]);
    await until(async () => {
      const used = sample([group]).get(group);
      return used !== undefined && used.processes >= 2 && used.cpu_seconds >= 0.1 && used.rss_bytes > 100_000;
    }, 'the group is seen to work');
  } finally {
    process.kill(-(child.pid ?? 0), 'SIGKILL');
  }
});

it('measures the host within its bounds', () => {
  const host = createHostSampler()();
  expect(host.memory_percent).toBeGreaterThan(0);
  expect(host.memory_percent).toBeLessThanOrEqual(100);
  expect(host.cpu_percent).toBeLessThanOrEqual(100);
});
