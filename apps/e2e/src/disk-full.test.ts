import { alarmRoutes } from '@quorate/shared/alarms';
import { apiTokenRoutes } from '@quorate/shared/api-tokens';
import { ApiError } from '@quorate/shared/client';
import { healthRoutes } from '@quorate/shared/health';
import { snapshotRoutes } from '@quorate/shared/snapshots';
import { describe, expect, it } from 'vitest';
import type { Cluster } from './harness/cluster';
import type { Daemon } from './harness/daemon';
import { startLoad } from './harness/load';
import { agree } from './harness/restore';
import { mountSmallDisk, type SmallDisk, smallDiskObstacle } from './harness/small-disk';
import { addNodes, lossesOf, note, useCluster } from './harness/suite';
import { until } from './harness/until';
import { refusalOf } from './harness/writes';

const obstacle = smallDiskObstacle();
if (obstacle) note(`SKIPPED, a full disk: ${obstacle}`);

const codeOf = async (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => 'ok',
    (error: unknown) => (error instanceof ApiError ? error.code : String(error)),
  );
const create = (node: Daemon, name: string) =>
  node.client().call(apiTokenRoutes.create, { body: { name, role: 'viewer' } });
const isReady = (node: Daemon) => codeOf(node.client().call(healthRoutes.ready, {}));
const alarmsOf = async (node: Daemon): Promise<string[]> =>
  (await node.client().call(alarmRoutes.list, {})).items.map(({ code, severity }) => `${code} ${severity}`);

describe.skipIf(obstacle)('a single node whose disk is full', () => {
  let disk: SmallDisk;
  const { cluster } = useCluster(async (it) => {
    addNodes(it, 1);
    disk = mountSmallDisk(it.workspace, it.cluster.node(0).dataDir, 32);
    await it.cluster.found();
  });

  it('refuses writes with the reason, serves reads, says so, and goes on when there is room', async () => {
    const node = cluster.node(0);
    const { pid } = node;
    disk.fill(200 * 1024);
    const acknowledged: string[] = [];
    const last = await until('a write finds no room', async () => {
      const name = `full-${acknowledged.length}`;
      const code = await codeOf(create(node, name));
      if (code !== 'ok') return code;
      acknowledged.push(name);
      return undefined;
    });
    expect(last).toBe('disk_full');
    expect(await isReady(node)).toBe('not_ready');
    await until('the alarm is raised', async () => (await alarmsOf(node)).includes('disk_low critical'));
    const names = async () => (await node.client().call(apiTokenRoutes.list, {})).items.map(({ name }) => name);
    expect((await names()).sort()).toEqual([...acknowledged].sort());

    disk.free();
    await until('it is ready again', async () => (await isReady(node)) === 'ok');
    expect(await codeOf(create(node, 'after'))).toBe('ok');
    expect(node.pid).toBe(pid);
    await node.killAll();
    await node.start();
    expect((await names()).sort()).toEqual(['after', ...acknowledged].sort());
  });

  it('starts with a full disk, too, and serves reads', async () => {
    const node = cluster.node(0);
    await node.killAll();
    disk.fill();
    await node.start();
    expect((await node.client().call(apiTokenRoutes.list, {})).items.length).toBeGreaterThan(0);
    expect(await codeOf(create(node, 'not-now'))).toBe('disk_full');
    disk.free();
    await until('it takes writes', async () => (await codeOf(create(node, 'now'))) === 'ok');
  });
});

describe.skipIf(obstacle)('three nodes, of which the leader has a full disk', () => {
  let disk: SmallDisk;
  const { cluster } = useCluster(async (it) => {
    addNodes(it, 3);
    // Room for what etcd reserves: two files of 64 MB.
    disk = mountSmallDisk(it.workspace, it.cluster.node(0).dataDir, 256);
    await it.cluster.grow();
    await leadBy(it.cluster, it.cluster.node(0));
  });

  it('says so before it is, and makes no snapshot that would fill it', async () => {
    const victim = cluster.node(0);
    disk.fill(4 * 1024 * 1024);
    await until('every member knows', async () => (await alarmsOf(cluster.node(1))).includes('disk_low critical'));
    await create(victim, 'little-room');
    const refusal = await refusalOf(victim.client().call(snapshotRoutes.create, {}));
    expect(refusal).toMatchObject({ status: 409, code: 'disk_space' });
    disk.free();
    await until('the alarm is over', async () => !(await alarmsOf(cluster.node(1))).includes('disk_low critical'));
  });

  it('loses no write, and that node comes back by itself when there is room', async () => {
    const full = cluster.node(0);
    const { pid } = full;
    const load = startLoad({ label: 'disk-full', clients: () => cluster.running().map((node) => node.client()) });
    await until('writes flow', () => load.acknowledged > 50);
    // What its etcd held in reserve comes back when that ends: it is taken, too.
    await until('another node leads, and the alarm is on every node', async () => {
      disk.fill();
      const all = await Promise.all(cluster.running().map(alarmsOf));
      const led = await cluster.leader([cluster.node(1)]);
      return led !== full && all.every((alarms) => alarms.includes('disk_low critical'));
    });
    await until('it is out of service', async () => (await isReady(full)) !== 'ok');
    const before = load.acknowledged;
    await until('writes still flow', () => load.acknowledged > before + 100);
    disk.free();
    await until('it is in service again', async () => (await isReady(full)) === 'ok', { boundMs: 120_000 });
    await cluster.waitHealthy(3);
    const report = await load.stop();
    note(`${report.acknowledged.length} writes, longest gap ${report.longestGapMs.toFixed(0)} ms`);
    await until('all nodes agree', () => agree(cluster));
    expect(await lossesOf(cluster, report)).toEqual([]);
    expect(full.pid).toBe(pid);
  });
});

/** The given node leads. */
async function leadBy(cluster: Cluster, node: Daemon): Promise<void> {
  await until(`${node.name} leads`, async () => {
    if ((await cluster.leader()) === node) return true;
    await cluster.moveLeadership();
    return false;
  });
}
