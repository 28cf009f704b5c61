import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { alarmRoutes } from '@quorate/shared/alarms';
import { replicaRoutes } from '@quorate/shared/replicas';
import { snapshotRoutes } from '@quorate/shared/snapshots';
import { afterAll, describe, expect, it } from 'vitest';
import type { Daemon } from './harness/daemon';
import { addNodes, note, useCluster } from './harness/suite';
import { until } from './harness/until';
import { refusalOf, write } from './harness/writes';

/** etcd allocates two journal files of 64 MB in advance. */
const DISK_MB = 256;
const MB = 1024 ** 2;

/** Fills the disk of `dir` up to what is left to be free. Gives the function that frees it again. */
function fillDisk(dir: string, leaveBytes: number): () => void {
  const path = join(dir, 'filler');
  const file = openSync(path, 'w');
  const part = Buffer.alloc(64 * 1024);
  for (;;) {
    const { bavail, bsize } = statfsSync(dir);
    const room = bavail * bsize - leaveBytes;
    if (room <= 0) break;
    writeSync(file, part, 0, Math.min(part.length, room));
  }
  closeSync(file);
  return () => rmSync(path, { force: true });
}

describe('a member whose disk is full', () => {
  let small = '';
  const { cluster } = useCluster(async (suite) => {
    addNodes(suite, 3);
    const { dataDir } = suite.cluster.node(2);
    mkdirSync(dataDir, { recursive: true });
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_MB}m,mode=0700`, 'tmpfs', dataDir]);
    small = dataDir;
    await suite.cluster.grow();
    await suite.cluster.waitHealthy(3);
  });
  afterAll(async () => {
    for (const node of cluster.running()) await node.killAll();
    if (small !== '') execFileSync('umount', ['--lazy', small]);
  });
  let counter = 0;
  const writeMany = async (at: Daemon, count: number): Promise<void> => {
    for (let n = 0; n < count; n += 1) await write(at.client(), `disk-${counter++}`);
  };
  const alarms = async (at: Daemon): Promise<string[]> =>
    (await at.client().call(alarmRoutes.list, {})).items.map(({ code }) => code);

  it('says so before it is, and makes no snapshot that would fill it', async () => {
    const victim = cluster.node(2);
    const free = fillDisk(small, 4 * MB);
    await until('every member knows', async () => (await alarms(cluster.node(0))).includes('disk_low'));
    await writeMany(cluster.node(0), 3);
    const refusal = await refusalOf(victim.client().call(snapshotRoutes.create, {}));
    expect(refusal).toMatchObject({ status: 409, code: 'disk_space' });
    free();
    await until('the alarm is over', async () => !(await alarms(cluster.node(0))).includes('disk_low'));
  });

  it('stops instead of skipping while the others go on, and has everything when there is room again', async () => {
    const victim = cluster.node(2);
    const free = fillDisk(small, 0);
    await writeMany(cluster.node(0), 400);
    note(`the node ${victim.running ? 'still runs' : 'has ended'} after 400 writes with its disk full`);
    free();
    if (victim.running) await victim.killAll();
    await cluster.restart(victim);
    await cluster.waitHealthy(3);
    const { index } = await cluster.node(0).client().call(replicaRoutes.check, {});
    const check = await until('every member has told its digest', async () => {
      const found = (await cluster.node(0).client().call(replicaRoutes.get, {})).check;
      return found?.index === index && found.replicas.every(({ digest }) => digest !== null) && found;
    });
    expect(check).toMatchObject({ verdict: 'equal' });
  });
});
