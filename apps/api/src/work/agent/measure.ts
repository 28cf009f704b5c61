import type { MetricsBatch } from '@quorate/shared/runner-protocol';
import type { RunningProgram } from './agent';
import { createGroupSampler, createHostSampler } from './usage';

/** Measures this host and the programs that run on it, each call since the one before. */
export function createMeasure(
  programs: () => readonly RunningProgram[],
  now: () => number,
): () => Omit<MetricsBatch, 'seq'> {
  const host = createHostSampler();
  const groups = createGroupSampler();
  return () => {
    const running = programs();
    const usage = groups(running.map(({ pid }) => pid));
    const batch: Omit<MetricsBatch, 'seq'> = { at: now(), host: host(), jobs: [], replicas: [] };
    for (const program of running) {
      const used = usage.get(program.pid);
      if (!used) continue;
      if (program.kind === 'job') batch.jobs.push({ id: program.id, attempt: program.attempt, ...used });
      else {
        const { service, slot, generation } = program;
        batch.replicas.push({ service, slot, generation, ...used });
      }
    }
    return batch;
  };
}
