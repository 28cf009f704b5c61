import { runners } from '@quorate/api/src/resources/runners/table';
import { createService } from '@quorate/api/src/work/services/commands';
import { planServices } from '@quorate/api/src/work/services/plan';
import { readPlannerView } from '@quorate/api/src/work/services/planner-view';
import { serviceSpecSchema } from '@quorate/shared/services';
import { type Figure, median, note } from '../figure';
import { openReplica, withDirectory } from '../workload';

const RUNNERS = 100;
const SERVICES = 10;
const REPLICAS = 1_000;
const CAPACITY = 16;
const ROUNDS = 15;

const idOf = (n: number): string => `00000000-0000-7000-8000-${String(n).padStart(12, '0')}`;

export const planner: Figure = {
  name: 'planner',
  unit: 'ms',
  bound: { at: 'most', value: 50 },
  why: `the leader reads the state and plans where ${REPLICAS} replicas of ${SERVICES} services go on ${RUNNERS} runners, none of them placed yet; median of ${ROUNDS}`,
  measure: () =>
    withDirectory(async (directory) => {
      const replica = openReplica(directory, 'NORMAL');
      try {
        const { db } = replica.store;
        const now = Date.now();
        for (let n = 1; n <= RUNNERS; n += 1) {
          db.insert(runners)
            .values({
              ...{ id: idOf(n), name: `runner-${n}`, nodeId: null, keyPin: null, labels: { zone: `z${n % 3}` } },
              ...{ capacity: CAPACITY, version: 'bench', address: '', state: 'active', drainedAt: null },
              ...{ status: 'online', statusSince: now, certificateExpiresAt: null, joinedAt: now, removedAt: null },
            })
            .run();
        }
        const spec = serviceSpecSchema.parse({ command: 'sleep' });
        for (let n = 0; n < SERVICES; n += 1) {
          const replicas = REPLICAS / SERVICES;
          await replica.propose(createService, { name: `service-${n}`, spec, replicas, system: false });
        }
        const times: number[] = [];
        for (let round = 0; round < ROUNDS; round += 1) {
          const begun = performance.now();
          const actions = planServices(readPlannerView(db, now).input);
          times.push(performance.now() - begun);
          const placed = actions.filter((action) => action.do === 'place').length;
          if (placed !== REPLICAS) throw new Error(`${placed} of ${REPLICAS} replicas were placed`);
        }
        note(`  plans: ${times.map((ms) => ms.toFixed(1)).join(' ')} ms`);
        return median(times);
      } finally {
        replica.close();
      }
    }),
};
