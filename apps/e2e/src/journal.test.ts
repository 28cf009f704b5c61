import { setTimeout as delay } from 'node:timers/promises';
import { alarmRoutes } from '@quorate/shared/alarms';
import { eventRoutes } from '@quorate/shared/events';
import { replicaRoutes } from '@quorate/shared/replicas';
import { snapshotRoutes } from '@quorate/shared/snapshots';
import { describe, expect, it } from 'vitest';
import type { Daemon, Settings } from './harness/daemon';
import { addNodes, note, useCluster } from './harness/suite';
import { until } from './harness/until';
import { write } from './harness/writes';

const SMALL: Settings = { 'raft.retain_entries': '100', 'snapshots.entries': '100' };
const KILLS = 5;

describe('a journal that is kept short', () => {
  const { cluster } = useCluster(async (suite) => {
    addNodes(suite, 3);
    await suite.cluster.grow();
    for (const node of suite.cluster.nodes) {
      await node.stop();
      await suite.cluster.restart(node, SMALL);
    }
    await suite.cluster.waitHealthy(3);
  });
  let counter = 0;
  const writeMany = async (at: Daemon, count: number): Promise<void> => {
    for (let n = 0; n < count; n += 1) await write(at.client(), `journal-${counter++}`);
  };

  async function expectEqual(at: Daemon): Promise<void> {
    const { index } = await at.client().call(replicaRoutes.check, {});
    const check = await until('every member has told its digest', async () => {
      const found = (await at.client().call(replicaRoutes.get, {})).check;
      return found?.index === index && found.replicas.every(({ digest }) => digest !== null) && found;
    });
    expect(check).toMatchObject({ verdict: 'equal' });
  }

  it('brings a member back that was away too long, killed again and again while it takes the state', async () => {
    const away = (await cluster.followers()).at(-1) as Daemon;
    const leader = await cluster.leader();
    await away.killAll();
    const from = leader.log().length;
    await writeMany(leader, 320);
    await leader.waitForLog(/the log was compacted/, { from });
    for (let n = 0; n < KILLS; n += 1) {
      away.spawn(SMALL);
      // Another moment each time: before etcd, while the state arrives, around the switch.
      await delay(250 + n * 250);
      await away.killAll();
    }
    await cluster.restart(away, SMALL);
    await cluster.waitHealthy(3);
    await expectEqual(leader);
    const query = { type: 'snapshot.installed', limit: 10 };
    const { items } = await away.client().call(eventRoutes.list, { query });
    expect(items[0]?.message).toMatch(/behind the log: it took the state of node \d+ at index \d+ while it served/);
  });

  it('is whole after kill -9 of any member while snapshots are made and the log is trimmed', async () => {
    for (const victim of cluster.nodes) {
      const other = cluster.nodes.find((node) => node !== victim) as Daemon;
      const asked = victim.client().call(snapshotRoutes.create, {});
      asked.catch(() => undefined);
      await delay(30);
      await victim.killAll();
      await until('writes go on', () => write(other.client(4_000), `journal-${counter++}`));
      await writeMany(other, 60);
      await cluster.restart(victim, SMALL);
      await cluster.waitHealthy(3);
    }
    await expectEqual(cluster.node(0));
    for (const node of cluster.nodes) {
      const { items } = await node.client().call(snapshotRoutes.list, {});
      note(`${node.name} keeps ${items.map(({ index }) => index).join(', ') || 'no snapshot'}`);
    }
    await until(
      'no alarm is left',
      async () => (await cluster.node(0).client().call(alarmRoutes.list, {})).items.length === 0,
    );
  });
});
