import * as fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { toTimestamp } from '../../lib/clock';
import { removeRunner } from '../../resources/runners/commands';
import { runners } from '../../resources/runners/table';
import { removeService, restartServices, scaleService, updateService } from '../services/commands';
import { recordPlacements } from '../services/placement/commands';
import { findService, replicaAt } from '../services/queries';
import { serviceReplicas, serviceRevisions, services } from '../services/table';
import { sightOf, viewService } from '../services/view';
import { haFailovers } from './table';
import { A, B, C, FAILOVER_S, type HaWorld, spec, startHaWorld } from './testing';
import { viewHa } from './view';

let world: HaWorld;
beforeAll(async () => {
  world = await startHaWorld();
});
afterAll(() => world?.stop());
beforeEach(() => world.reset());

describe('HA mode', () => {
  it('is refused under three nodes, with their number', async () => {
    world.nodes = world.nodes.slice(0, 2);
    await expect(world.setHa(true)).rejects.toMatchObject({
      code: 'too_few_nodes',
      message: expect.stringMatching(/needs 3 voting nodes, and there are 2/),
    });
    await world.setHa(false, { failover_seconds: 20 });
    await expect(world.setHa(false, { ifMatch: '"ha-1"' })).rejects.toMatchObject({ code: 'precondition_failed' });
  });

  it('runs system services on distinct runners, as many as it says', async () => {
    await world.create('dns', 1, true);
    await world.settle();
    expect(world.placesOf('dns')).toHaveLength(1);
    await world.setHa(true);
    await world.settle();
    expect(world.placesOf('dns')).toEqual([A, B, C]);
    await expect(world.replica.propose(scaleService, { name: 'dns', replicas: 5 })).rejects.toMatchObject({
      code: 'conflict',
    });
    await world.setHa(false);
    await world.settle();
    expect(world.placesOf('dns')).toHaveLength(1);
  });
});

describe('the failure of a runner', () => {
  it('moves what it had when the time is over and not before, whoever leads by then', async () => {
    await world.create('web', 1);
    await world.settle();
    const from = world.placeOf('web') ?? '';
    const generation = replicaAt(world.db(), 'web', 0)?.generation ?? 0;
    await world.observe(from, false);
    const offlineAt = world.at;
    for (const waited of [0, 1, FAILOVER_S * 1000 - 1]) {
      world.at = offlineAt + waited;
      await world.plan();
      expect(world.placeOf('web'), `after ${waited} ms`).toBe(from);
    }
    world.at = offlineAt + FAILOVER_S * 1000;
    await world.plan();
    const moved = replicaAt(world.db(), 'web', 0);
    expect(moved?.runnerId).not.toBe(from);
    expect(moved?.generation).toBeGreaterThan(generation);
    expect(world.db().select().from(haFailovers).all()).toMatchObject([
      { service: 'web', slot: 0, offlineAt, dueAt: world.at, movedAt: world.at, healthyAt: null },
    ]);
    world.at += 5;
    await world.converge(moved?.runnerId ?? '');
    expect(world.db().select().from(haFailovers).get()?.healthyAt).toBe(world.at);
    // The old one is fenced: what it says does not count, and when it is back it ends what it has.
    const late = { service: 'web', slot: 0, generation, n: 9_999_999, state: 'unhealthy', reason: 'late' } as const;
    await world.replica.propose(recordPlacements, { runnerId: from, reports: [{ ...late, ports: {}, restarts: 7 }] });
    expect(replicaAt(world.db(), 'web', 0)).toMatchObject({ state: 'healthy', restarts: 0 });
    await world.observe(from, true);
    await world.converge(from);
    expect(world.running.get(from)?.size).toBe(0);
  });

  it('moves what a runner had that was removed while it was online, when that must have ended it', async () => {
    await world.create('web', 1);
    await world.settle();
    const from = world.placeOf('web') ?? '';
    const removedAt = world.at;
    await world.replica.propose(removeRunner, { id: from });
    const waitMs = Math.max(FAILOVER_S, spec.stop_grace_seconds + 5) * 1000;
    for (const waited of [0, waitMs - 1]) {
      world.at = removedAt + waited;
      await world.plan(3);
      expect(world.placeOf('web'), `after ${waited} ms`).toBe(from);
    }
    const [instance] = viewService(world.db(), findService(world.db(), 'web'), sightOf(world.db(), world.at)).instances;
    expect(instance).toMatchObject({
      runner_online: false,
      reason: expect.stringMatching(/was removed and is to end it/),
    });
    expect(Date.parse(instance?.moves_at ?? '')).toBe(removedAt + waitMs);
    world.at = removedAt + waitMs;
    await world.plan();
    expect(world.placeOf('web')).not.toBe(from);
    expect(world.db().select().from(haFailovers).all()).toMatchObject([
      { offlineAt: removedAt, dueAt: world.at, movedAt: world.at },
    ]);
  });

  it('does not wait anew when it is removed after it went offline', async () => {
    await world.create('web', 1);
    await world.settle();
    const from = world.placeOf('web') ?? '';
    await world.observe(from, false);
    world.at += FAILOVER_S * 1000 - 1;
    await world.plan();
    await world.replica.propose(removeRunner, { id: from });
    world.at += Math.max(1, (spec.stop_grace_seconds + 5 - FAILOVER_S) * 1000 + 1);
    await world.plan();
    expect(world.placeOf('web')).not.toBe(from);
  });

  it('moves nothing when it is back before', async () => {
    await world.create('web', 3);
    await world.settle();
    const before = world.placesOf('web');
    await world.observe(A, false);
    world.at += FAILOVER_S * 1000 - 1;
    await world.plan();
    await world.observe(A, true);
    world.at += FAILOVER_S * 1000;
    await world.settle();
    expect(world.placesOf('web')).toEqual(before);
    expect(world.db().select().from(haFailovers).all()).toEqual([]);
  });

  it('does not move what nobody else can take, says why, and lets it go on there when the runner is back', async () => {
    await world.create('dns', 1, true);
    await world.setHa(true);
    await world.settle();
    await world.observe(B, false);
    const due = `its runner runner-1 is offline since ${toTimestamp(world.at)}`;
    const moves = toTimestamp(world.at + FAILOVER_S * 1000);
    const shown = () => viewHa(world.db(), () => world.nodes, world.at);
    expect(shown().pending_moves).toMatchObject([
      { service: 'dns', moves_at: moves, reason: `${due}; unless it is back before, it goes elsewhere at ${moves}` },
    ]);
    world.at += 60_000;
    const reason = `${due}; it was to go elsewhere at ${moves}, but every runner that it could run on has a replica of it already or is offline`;
    await world.plan(5);
    expect(world.placesOf('dns')).toEqual([A, B, C]);
    expect(shown().pending_moves).toMatchObject([{ service: 'dns', reason }]);
    expect(shown().warning).toBe(`dns has 2 of 3 healthy replicas (${reason})`);
    // With room, it goes at once; and what is not wanted any more goes nowhere.
    await world.setHa(false);
    const others = shown().pending_moves.filter(
      ({ slot, reason: why }) => slot > 0 || !why.endsWith('goes elsewhere now'),
    );
    expect(others).toEqual([]);
    await world.setHa(true);
    await world.observe(B, true);
    await world.settle();
    expect(world.db().select().from(haFailovers).all()).toEqual([]);
  });
});

describe('a roll-out', () => {
  it('says of each replica that waits for its turn what it waits for', async () => {
    await world.create('web', 3);
    await world.settle();
    const next = { name: 'web', spec: { ...spec, env: { A: '1' } }, system: false, ifMatch: null };
    await world.replica.propose(updateService, next);
    await world.plan();
    const shown = () => viewService(world.db(), findService(world.db(), 'web'), sightOf(world.db(), world.at));
    const why =
      /^it waits for its turn to begin anew with revision 2: only 1 may be away at once, and replica 0 is not/;
    expect(shown()).toMatchObject({
      rollout: { state: 'running', updated: 0, waiting: 2 },
      instances: [{ reason: '' }, { reason: expect.stringMatching(why) }, { reason: expect.stringMatching(why) }],
    });
    await world.settle();
    expect(shown()).toMatchObject({
      rollout: { state: 'idle', updated: 3, waiting: 0 },
      instances: [{ reason: '' }, { reason: '' }, { reason: '' }],
    });
  });
});

describe('a replica slot', () => {
  it('keeps the newest word on its generation', async () => {
    await world.create('web', 1);
    await world.plan(3);
    const { runnerId, generation } = replicaAt(world.db(), 'web', 0) ?? { runnerId: '', generation: 0 };
    const say = (number: number, state: 'healthy' | 'backing_off', of = generation) =>
      world.replica.propose(recordPlacements, {
        runnerId: runnerId ?? '',
        reports: [{ service: 'web', slot: 0, generation: of, n: number, state, reason: '', ports: {}, restarts: 0 }],
      });
    await say(5, 'healthy');
    await say(4, 'backing_off');
    await say(6, 'backing_off', generation - 1);
    await say(6, 'backing_off', generation + 1);
    expect(replicaAt(world.db(), 'web', 0)?.state).toBe('healthy');
    await say(6, 'backing_off');
    expect(replicaAt(world.db(), 'web', 0)?.state).toBe('backing_off');
  });

  /** Two of one slot are allowed in one case only: one is on a runner that was away for longer than the failover takes. */
  function expectOneOfEach(): void {
    const holders = new Map<string, string[]>();
    for (const [runner, has] of world.running)
      for (const key of has.keys()) holders.set(key, [...(holders.get(key) ?? []), runner]);
    for (const [key, who] of holders) {
      const lost = who.filter((runner) => {
        const row = world.statusOf(runner);
        return row?.status === 'offline' && world.at - row.statusSince >= FAILOVER_S * 1000;
      });
      expect(who.length - lost.length, key).toBeLessThanOrEqual(1);
    }
  }

  it('runs once, whatever is scaled, drained, updated, removed and cut off', async () => {
    const runner = fc.constantFrom(A, B, C);
    const wide = { replicas: fc.nat(6), runner, ms: fc.constantFrom(500, 4_000, FAILOVER_S * 1000) };
    const disturbed = fc.constantFrom('scale', 'drain', 'resume', 'cut', 'heal', 'update', 'restart', 'remove', 'wait');
    const step = fc.oneof(
      { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('plan' as const, 'hear' as const), ...wide }) },
      { weight: 1, arbitrary: fc.record({ do: disturbed, ...wide }) },
    );
    let revision = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 40 }), async (steps) => {
        for (const table of [services, serviceReplicas, serviceRevisions]) world.db().delete(table).run();
        world.db().update(runners).set({ status: 'online', statusSince: world.at, drainedAt: null }).run();
        for (const has of world.running.values()) has.clear();
        await world.create('web', 3);
        await world.plan(3);
        for (const one of [A, B, C]) await world.converge(one);
        for (const one of steps) {
          const exists = world.db().select().from(services).get() !== undefined;
          revision += 1;
          const next = { name: 'web', spec: { ...spec, env: { N: String(revision) } }, system: false, ifMatch: null };
          if (one.do === 'scale' && exists)
            await world.replica.propose(scaleService, { name: 'web', replicas: one.replicas });
          else if (one.do === 'drain' || one.do === 'resume') await world.drain(one.runner, one.do === 'drain');
          else if (one.do === 'cut' || one.do === 'heal') await world.observe(one.runner, one.do === 'heal');
          else if (one.do === 'update' && exists) await world.replica.propose(updateService, next);
          else if (one.do === 'restart') await world.replica.propose(restartServices, { services: [] });
          else if (one.do === 'remove')
            await (exists ? world.replica.propose(removeService, { name: 'web' }) : world.create('web', 2));
          else if (one.do === 'hear') await world.converge(one.runner);
          else if (one.do === 'wait') world.at += one.ms;
          else await world.plan();
          if (one.do !== 'heal') expectOneOfEach();
          // One that is back ends what it has before anything else.
          if (one.do === 'heal') await world.converge(one.runner);
        }
        for (const one of [A, B, C]) await world.drain(one, false).then(() => world.observe(one, true));
        if (!world.db().select().from(services).get()) await world.create('web', 3);
        await world.replica.propose(scaleService, { name: 'web', replicas: 5 });
        await world.settle();
        expectOneOfEach();
        expect([...world.running.values()].reduce((sum, has) => sum + has.size, 0)).toBe(5);
      }),
      { numRuns: 20, endOnFailure: true },
    );
  }, 120_000);
});
