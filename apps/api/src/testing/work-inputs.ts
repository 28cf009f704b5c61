import { HA_STEP_STATES } from '@quorate/shared/ha';
import { serviceSpecSchema } from '@quorate/shared/services';
import fc from 'fast-check';
import { sha256Hex } from '../lib/hash';
import { smallId } from './small-ids';

// Few runners, services, slots and generations, so that commands meet: a plan that is late, a report of what is over.
const runnerId = fc.constantFrom(...['a', 'b', 'c'].map((letter) => `00000000-0000-7000-8000-00000000000${letter}`));
const runnerName = fc.constantFrom('ada', 'bob', 'cyd');
const labels = fc.constantFrom({}, { zone: 'a' });
const software = { labels, capacity: fc.integer({ min: 1, max: 4 }), version: fc.constant('1.0.0') };

const service = fc.constantFrom('api', 'web');
const replicas = fc.nat({ max: 3 });
const slot = fc.nat({ max: 2 });
const generation = fc.nat({ max: 5 });
const spec = fc
  .record({
    command: fc.constantFrom('sleep', 'node'),
    labels,
    max_unavailable: fc.integer({ min: 1, max: 2 }),
    ports: fc.constantFrom([], ['http']),
  })
  .map((some) => serviceSpecSchema.parse(some));
const autoscaling = fc.record({
  enabled: fc.boolean(),
  min: fc.constant(1),
  max: fc.integer({ min: 1, max: 3 }),
  target_cpu_percent: fc.constant(50),
  stabilization_seconds: fc.constant(60),
  queue_labels: fc.constant({}),
});
const action = fc.oneof(
  fc.record({ service, slot, generation, do: fc.constant('place'), runner: runnerId }),
  fc.record({ service, slot, generation, do: fc.constantFrom('restart', 'stop', 'remove') }),
  fc.record({ service, slot, generation, do: fc.constant('wait'), reason: runnerName }),
);
const report = fc.record({
  ...{ service, slot, generation: fc.integer({ min: 1, max: 5 }), n: fc.integer({ min: 1, max: 4 }) },
  state: fc.constantFrom('starting', 'healthy', 'unhealthy', 'backing_off', 'stopping', 'stopped'),
  ...{ reason: runnerName, ports: fc.constant({ http: 20_000 }), restarts: fc.nat({ max: 4 }) },
});

/** Inputs of the commands of runners, services and HA mode. */
export const workInputs: Record<string, fc.Arbitrary<unknown>> = {
  'runners.admit': fc.record({
    ...{ id: runnerId, tokenHash: smallId.map(sha256Hex), name: runnerName, ...software },
    ...{ keyPin: fc.constant(sha256Hex('key')), address: fc.constant('10.0.0.9'), certificateExpiresAt: fc.nat() },
  }),
  'runners.register_embedded': fc.record({
    ...{ id: runnerId, name: runnerName, address: fc.constant('10.0.0.1'), ...software },
  }),
  'runners.describe': fc.record({ id: runnerId, ...software }),
  'runners.note_certificate': fc.record({ id: runnerId, expiresAt: fc.nat() }),
  'runners.observe': fc.record({ id: runnerId, online: fc.boolean() }),
  'runners.note_problem': fc.record({ id: runnerId, problem: fc.constantFrom('', 'no space is left') }),
  'runners.set_drained': fc.record({ id: runnerId, drained: fc.boolean() }),
  'runners.remove': fc.record({ id: runnerId }),
  'services.create': fc.record({ name: service, spec, replicas, system: fc.boolean() }),
  'services.update': fc.record({ name: service, spec, system: fc.boolean() }),
  'services.remove': fc.record({ name: service }),
  'services.scale': fc.record({ name: service, replicas }),
  'services.scale_all': fc.record({ replicas }),
  'services.set_autoscaling': fc.record({ name: service, autoscaling }),
  'services.autoscale': fc.record({
    ...{ service, from: replicas, to: replicas, reason: runnerName },
    ...{ metric: fc.constantFrom('cpu', 'queue'), value: fc.option(fc.nat({ max: 100 })), target: fc.constant(50) },
  }),
  'services.restart': fc.record({ services: fc.uniqueArray(service, { maxLength: 2 }) }),
  'services.place': fc.record({ actions: fc.array(action, { minLength: 1, maxLength: 6 }) }),
  'services.record': fc.record({ runnerId, reports: fc.array(report, { minLength: 1, maxLength: 6 }) }),
  'services.settle_rollout': fc.record({
    ...{ service, revision: fc.integer({ min: 1, max: 3 }) },
    failure: fc.option(fc.record({ slot, generation: fc.integer({ min: 1, max: 5 }), why: runnerName })),
  }),
  'ha.set': fc.record({
    ...{ enabled: fc.boolean(), system_replicas: fc.constant(3), failover_seconds: fc.constantFrom(10, 30) },
  }),
  'ha.start_update': fc.record({ id: fc.constant('new'), fromStart: fc.boolean() }),
  'ha.step_update': fc.record({
    ...{ updateId: smallId, position: fc.nat({ max: 2 }), drained: fc.boolean(), detail: runnerName },
    ...{ from: fc.constantFrom(...HA_STEP_STATES), to: fc.constantFrom(...HA_STEP_STATES) },
  }),
  'ha.cancel_update': fc.constant({}),
};
