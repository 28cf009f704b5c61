import { spawn } from 'node:child_process';
import { existsSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventRoutes } from '@quorate/shared/events';
import { healthRoutes } from '@quorate/shared/health';
import { describe, expect, it } from 'vitest';
import type { Daemon } from './harness/daemon';
import { type LoadReport, startLoad } from './harness/load';
import { DAEMON } from './harness/paths';
import { addNodes, lossesOf, note, useCluster } from './harness/suite';
import { until } from './harness/until';
import { refusalOf, sees, write } from './harness/writes';

interface Run {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** `quorated recover` on the host of a node, without a terminal. */
function recover(node: Daemon, args: readonly string[]): Promise<Run> {
  const { host, name } = node.spec;
  const sets = [`node.name=${name}`, `api.address=${host}:8440`, `cluster.address=${node.clusterAddress}`];
  const all = ['recover', '--data-dir', node.dataDir, ...sets.flatMap((set) => ['--set', set]), ...args];
  const child = spawn(process.execPath, [DAEMON, ...all], { stdio: ['ignore', 'pipe', 'pipe'] });
  const text = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk) => {
    text.stdout += chunk;
  });
  child.stderr.on('data', (chunk) => {
    text.stderr += chunk;
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), 60_000);
  return new Promise((resolve) => {
    child.once('close', (status) => {
      clearTimeout(timer);
      resolve({ status, ...text });
    });
  });
}

describe('a cluster whose quorum is lost for good', () => {
  let report: LoadReport;
  /** Index of the last write that was acknowledged. */
  let acknowledged: number;
  const suite = useCluster(async (it) => {
    addNodes(it, 3);
    await it.cluster.grow();
    await it.cluster.waitHealthy(3);
    const load = startLoad({ label: 'load', clients: () => it.cluster.running().map((node) => node.client(8_000)) });
    await until('writes flow', () => load.acknowledged > 60);
    report = await load.stop();
    acknowledged = (await write(it.cluster.node(0).client(), 'the-last-one')).index;
    await Promise.all(it.cluster.nodes.map((node) => node.killAll()));
    // As a power cut leaves them: what a state file has not checkpointed is in the journals alone.
    for (const node of it.cluster.nodes) {
      for (const suffix of ['-wal', '-shm']) rmSync(join(node.dataDir, `state.db${suffix}`), { force: true });
    }
  });
  const { cluster, workspace } = suite;
  const at = (index: number): Daemon => cluster.node(index);

  it('finds the last write that was acknowledged in the journal of whoever has it', async () => {
    const looked = await recover(at(0), ['--dry-run', '-o', 'json', '--from', at(1).dataDir]);
    const plan = JSON.parse(looked.stdout);
    for (const { journal_index: index } of plan.candidates) note(`journal to ${index} of ${acknowledged}`);
    expect(plan.could_be_lost).toEqual([]);
    expect(plan.candidates[0].journal_index).toBeGreaterThanOrEqual(acknowledged);
  });

  it('is not recovered without a word, while the daemon runs, or while a majority answers', async () => {
    expect(await recover(at(0), [])).toMatchObject({ status: 2, stderr: expect.stringContaining('--yes') });
    await at(0).start();
    expect(await recover(at(0), ['--yes'])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('another quorated runs'),
    });
    await at(0).killAll();
    for (const node of [at(1), at(2)]) await node.start();
    for (const node of [at(1), at(2)]) await node.waitReady();
    expect(await recover(at(0), ['--yes'])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('the quorum is not lost for good'),
    });
    for (const node of [at(1), at(2)]) await node.killAll();
    expect(existsSync(join(at(0).dataDir, 'raft'))).toBe(true);
  });

  it('says which survivor is the best, what could be lost, and why others cannot be used', async () => {
    const text = join(workspace.dir, 'text.db');
    writeFileSync(text, 'no state');
    const from = [at(1).dataDir, text, join(workspace.dir, 'absent')].flatMap((path) => ['--from', path]);
    const looked = await recover(at(0), ['--dry-run', '-o', 'json', ...from]);
    expect(looked.status, looked.stderr).toBe(0);
    const plan = JSON.parse(looked.stdout);
    expect(plan).toMatchObject({ dry_run: true, node_id: 1, result: null });
    expect(plan.candidates.map(({ path }: { path: string }) => path).sort()).toEqual([at(0).dataDir, at(1).dataDir]);
    expect(plan.rejected).toHaveLength(2);
    // Two of three voters were looked at: nothing that was acknowledged can be elsewhere.
    expect(plan.could_be_lost).toEqual([]);
    expect(plan.removed_members.map(({ id }: { id: number }) => id)).toEqual([2, 3]);
    const alone = JSON.parse((await recover(at(0), ['--dry-run', '-o', 'json'])).stdout);
    expect(alone.could_be_lost.join()).toMatch(/1 of 3 voters/);
  });

  it('goes on from one survivor with every write that was acknowledged', async () => {
    const done = await recover(at(0), ['--yes', '--from', at(1).dataDir, '-o', 'json']);
    expect(done.status, done.stderr).toBe(0);
    const { result } = JSON.parse(done.stdout);
    expect(result.removed).toEqual([2, 3]);
    expect(readdirSync(result.kept)).toEqual(expect.arrayContaining(['node.json', 'raft', 'state.db']));
    await at(0).start();
    await until('it is a Raft cluster of one', async () => {
      const view = await cluster.view(at(0));
      return view.mode === 'raft' && view.quorum.held && view.members.length === 1;
    });
    await at(0).waitReady();
    expect(await lossesOf(cluster, report)).toEqual([]);
    expect(await sees(at(0).client(), await write(at(0).client(), 'after'))).toBe(true);
    const events = await at(0)
      .client()
      .call(eventRoutes.list, { query: { type: 'cluster.recovered' } });
    expect(events.items).toHaveLength(1);
    note(`recovered at epoch ${result.epoch}, index ${result.index}`);
  });

  it('fences the members that it left behind when they come back together', async () => {
    const before = await cluster.view(at(0));
    for (const node of [at(1), at(2)]) await node.start();
    for (const node of [at(1), at(2)]) {
      await node.waitForLog(/this node was removed from the cluster/);
      const ready = await refusalOf(node.local().call(healthRoutes.ready, {}));
      expect(ready.status).toBe(503);
      expect((await refusalOf(write(node.local(), 'of-the-past'))).status).toBe(503);
      expect((await refusalOf(node.local().call(healthRoutes.leader, {}))).status).toBe(503);
    }
    const view = await cluster.view(at(0));
    expect(view.members.map(({ id }) => id)).toEqual([1]);
    expect(view.epoch).toBe(before.epoch);
    expect(await sees(at(0).client(), await write(at(0).client(), 'of-today'))).toBe(true);
    for (const node of [at(1), at(2)]) await node.killAll();
  });

  it('lets new nodes join', async () => {
    const joiner = cluster.add({ name: 'node-4', host: workspace.loopback(4) });
    await cluster.join(joiner);
    expect(await cluster.idOf(joiner)).toBe(4);
    expect(await sees(joiner.client(), await write(at(0).client(), 'grown'))).toBe(true);
  });

  it('takes the other survivor where the own state is damaged', async () => {
    // node-2 was fenced, with all its data; node-3 lost its state.
    truncateSync(join(at(2).dataDir, 'state.db'), 10_000);
    const done = await recover(at(2), ['--yes', '--force', '--from', at(1).dataDir, '-o', 'json']);
    expect(done.status, done.stderr).toBe(0);
    const plan = JSON.parse(done.stdout);
    expect(plan.chosen).toBe(at(1).dataDir);
    expect(plan.rejected[0]).toMatchObject({ path: at(2).dataDir });
    await Promise.all(cluster.running().map((node) => node.killAll()));
    await at(2).start();
    await until('it goes on alone', async () => (await cluster.view(at(2))).mode === 'raft');
    await at(2).waitReady();
    expect(await lossesOf(cluster, report)).toEqual([]);
  });
});
