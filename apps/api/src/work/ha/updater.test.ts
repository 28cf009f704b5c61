import type { HaUpdate } from '@quorate/shared/ha';
import { uuidv7 } from 'uuidv7';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { replicaAt } from '../services/queries';
import { lastUpdate } from './commands';
import { type HaWorld, startHaWorld } from './testing';
import { createHaUpdater } from './updater';
import { viewUpdate } from './view';

let world: HaWorld;
/** What is wrong with a node, by its id. */
const sick = new Map<number, string>();
const drains: string[] = [];
beforeAll(async () => {
  world = await startHaWorld();
});
afterAll(() => world?.stop());
beforeEach(async () => {
  await world.reset();
  sick.clear();
  drains.length = 0;
});

const updater = () =>
  createHaUpdater({
    ...{ db: world.db, applier: world.replica.applier, propose: world.replica.proposer.propose, nodeId: 1 },
    ...{ isLeader: () => true, commands: world.commands, clock: () => world.at },
    control: {
      nodes: () => world.nodes,
      trouble: (id) => sick.get(id),
      async setDrained(id, drained) {
        drains.push(`${id} ${drained ? 'out' : 'back'}`);
        world.nodes = world.nodes.map((node) => (node.id === id ? { ...node, drained } : node));
      },
    },
  });
/** One look, by a leader that knows nothing but the state. */
const look = () => updater().run();
const update = (fromStart = false) => world.replica.propose(world.commands.startUpdate, { id: uuidv7(), fromStart });
const shown = (): HaUpdate => {
  const row = lastUpdate(world.db());
  if (!row) throw new Error('there is no update');
  return viewUpdate(world.db(), row);
};
const states = () => shown().nodes.map(({ state }) => state);
const generations = (service: string) => [0, 1, 2].map((slot) => replicaAt(world.db(), service, slot)?.generation ?? 0);
const isAnew = (service: string, before: readonly number[]) =>
  generations(service).map((generation, slot) => generation > (before[slot] ?? 0));
/** The slot of a service that is on the runner of a node. */
const slotAt = (service: string, node: number): number =>
  [0, 1, 2].find((slot) => world.placeOf(service, slot)?.endsWith(`${node}`)) ?? -1;

describe('the update node by node', () => {
  it('goes on past a replica that failed before it began, and says so', async () => {
    await world.create('web', 3);
    await world.create('api', 3);
    await world.settle();
    const ill = slotAt('web', 1);
    world.broken.add(`web/${ill}`);
    await world.settle();
    const [web, api] = [generations('web'), generations('api')];
    await update();
    expect(shown().ill_before).toEqual([{ service: 'web', slot: ill, reason: 'it ended with exit code 1' }]);
    await world.settle(look);
    expect(shown()).toMatchObject({ state: 'completed' });
    expect(drains).toEqual([1, 2, 3].flatMap((id) => [`${id} out`, `${id} back`]));
    expect(isAnew('api', api)).toEqual([true, true, true]);
    // No more of it may be away than the one that failed before; those begin anew when that one is well.
    expect(isAnew('web', web)).toEqual([0, 1, 2].map((slot) => slot === ill));
    const was = `replica ${ill} of web is not healthy, as before the update`;
    const later = `${was}; 1 replica begins anew when that is over`;
    expect(shown().nodes.map(({ detail }) => detail)).toEqual([was, later, later]);
    world.broken.clear();
    await world.settle();
    expect(isAnew('web', web)).toEqual([true, true, true]);
  });

  it('stops at a replica that fails since, however often it is told to go on, until that is well', async () => {
    await world.create('web', 3);
    await world.settle();
    const slot = slotAt('web', 2);
    // It failed when the update began, but was well when its turn came.
    world.broken.add(`web/${slot}`);
    await world.settle();
    await update();
    world.broken.clear();
    for (const runner of world.running.keys()) await world.converge(runner);
    world.at += 30_000;
    const breakAt2 = async () => {
      await look();
      if (states()[1] === 'restarting') world.broken.add(`web/${slot}`);
    };
    await world.settle(breakAt2);
    for (let attempt = 0; attempt < 2; attempt += 1) {
      const stopped = shown();
      expect(stopped).toMatchObject({ state: 'failed', ill_before: [] });
      expect(stopped.detail).toMatch(
        `node 2 (node-2): replica ${slot} of web is not healthy: it ended with exit code 1; it stays out of service`,
      );
      expect(states()).toEqual(['done', 'failed', 'waiting']);
      await update();
      await world.settle(look);
    }
    world.broken.clear();
    await world.settle();
    await update();
    await world.settle(look);
    expect(shown().state).toBe('completed');
  });

  it('stops at a node that is not well for 60 s, and at one that is not well before its turn', async () => {
    const leader = updater();
    await update();
    await leader.run();
    await leader.run();
    expect(states()).toEqual(['restarting', 'waiting', 'waiting']);
    // The time counts from when it was in trouble, and anew after each time it was well.
    world.at += 300_000;
    for (const lasted of [30_000, 60_000]) {
      sick.set(1, 'the node is unhealthy: its disk is full');
      const since = world.at;
      for (const at of [since, since + lasted]) {
        world.at = at;
        await leader.run();
        expect(shown()).toMatchObject({
          state: 'running',
          nodes: [{ detail: 'the node is unhealthy: its disk is full' }, {}, {}],
        });
      }
      if (lasted === 60_000) break;
      sick.clear();
      await leader.run();
      world.at += 1_000;
    }
    world.at += 1;
    await leader.run();
    expect(shown()).toMatchObject({
      state: 'failed',
      detail: expect.stringMatching(/^node 1 \(node-1\): the node is unhealthy: its disk is full; it stays out of/),
    });
    expect(drains).toEqual(['1 out']);
    sick.clear();
    sick.set(2, 'the node is offline');
    await update();
    await world.settle(() => leader.run());
    expect(shown().detail).toBe('node 2 (node-2): it was not healthy before its turn: the node is offline');
    expect(states()).toEqual(['done', 'failed', 'waiting']);
    expect(drains).toEqual(['1 out', '1 out', '1 back']);
    sick.clear();
    await update();
    await world.settle(() => leader.run());
    expect(shown().state).toBe('completed');
  });
});
