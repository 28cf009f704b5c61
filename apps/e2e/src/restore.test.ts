import { copyFileSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { RESTORE_STAGES, restoreRoutes } from '@quorate/shared/restore';
import { describe, expect, it } from 'vitest';
import type { Daemon } from './harness/daemon';
import { listTokens, startLoad } from './harness/load';
import { agree, operationEnd, operationOf, replacedState, uploadRestore } from './harness/restore';
import { addNodes, lossesOf, note, useCluster } from './harness/suite';
import { until } from './harness/until';
import { refusalOf, sees, type Written, write } from './harness/writes';

describe('restoring a cluster of three', () => {
  let kept: Written;
  const suite = useCluster(async (it) => {
    addNodes(it, 3);
    await it.cluster.found();
    const founder = it.cluster.node(0);
    kept = await write(founder.client(), 'kept');
    // A stopped node's state is one file without a journal.
    await founder.stop();
    copyFileSync(join(founder.dataDir, 'state.db'), file());
    await founder.start();
    for (const joiner of it.cluster.nodes.slice(1)) await it.cluster.join(joiner);
    await it.cluster.waitHealthy(3);
  });
  const { cluster, workspace } = suite;
  const file = (): string => join(workspace.dir, 'backup.db');
  const token = (): string => cluster.token ?? '';
  const namesAt = async (node: Daemon): Promise<string[]> =>
    (await listTokens(node.client(), (await cluster.view(node)).applied_index)).map(({ name }) => name).sort();

  it('switches every node under load, loses no write after it, and keeps what it replaced', async () => {
    const before = await cluster.view();
    const load = startLoad({ label: 'load', clients: () => cluster.running().map((node) => node.client(8_000)) });
    await until('writes flow', () => load.acknowledged > 40);
    const node = (await cluster.followers())[0] as Daemon;
    const pids = cluster.nodes.map((one) => one.pid);
    const started = await uploadRestore(node, token(), file());
    const operation = await operationEnd(cluster.node(0).client(), started.id);
    expect(operation).toMatchObject({ state: 'succeeded', error: null, epoch: before.epoch + 1 });
    expect(operation.nodes.map(({ state }) => state)).toEqual(['switched', 'switched', 'switched']);
    const atSwitch = load.acknowledged;
    await until('writes flow again', () => load.acknowledged > atSwitch + 40);
    const report = await load.stop();
    note(`restore: longest gap ${Math.round(report.longestGapMs)} ms, ${JSON.stringify(report.retried)}`);
    expect(cluster.nodes.map((one) => one.pid)).toEqual(pids);

    const { index: last, path } = replacedState(node);
    const [old, fresh] = [
      report.acknowledged.filter(({ index }) => index <= last),
      report.acknowledged.filter(({ index }) => index > last),
    ];
    expect(old.length).toBeGreaterThan(20);
    expect(await lossesOf(cluster, { ...report, acknowledged: fresh })).toEqual([]);
    const names = [...fresh.map(({ name }) => name), 'kept'].sort();
    for (const one of cluster.nodes) expect(await namesAt(one), one.name).toEqual(names);
    for (const one of cluster.nodes) expect(await sees(one.client(), kept)).toBe(true);
    await until('the nodes agree', () => agree(cluster));
    expect((await cluster.view()).members.map((member) => member.suffrage)).toEqual(['voter', 'voter', 'voter']);

    // Everything that was acknowledged before is in the replaced state.
    const back = await node.local().call(restoreRoutes.fromFile, { body: { path } });
    expect(await operationEnd(node.client(), back.id)).toMatchObject({ state: 'succeeded' });
    const acknowledged = [...old.map(({ name }) => name), 'kept'].sort();
    for (const one of cluster.nodes)
      await until('the old state is back', async () => (await cluster.view(one)).epoch === before.epoch + 2);
    for (const one of cluster.nodes) expect(await namesAt(one)).toEqual(acknowledged);
  });

  it('refuses a file that is cut short and one that is no state, and changes nothing', async () => {
    const { epoch } = await cluster.view();
    const short = join(workspace.dir, 'short.db');
    copyFileSync(file(), short);
    truncateSync(short, 50_000);
    const refusal = await refusalOf(uploadRestore(cluster.node(1), token(), short));
    expect(refusal).toMatchObject({ status: 422, code: 'backup_damaged' });
    const body = { path: join(workspace.dir, 'logs/node-1.log') };
    const text = await refusalOf(cluster.node(0).local().call(restoreRoutes.fromFile, { body }));
    expect(text).toMatchObject({ status: 422, code: 'backup_not_a_state' });
    expect((await cluster.view()).epoch).toBe(epoch);
  });

  it('brings a member that was away to the restored state when it is back', async () => {
    const away = (await cluster.followers())[0] as Daemon;
    const node = await cluster.leader();
    await away.killAll();
    await write(node.client(), 'while-away');
    const started = await uploadRestore(node, token(), file());
    const operation = await operationEnd(node.client(), started.id);
    expect(operation).toMatchObject({ state: 'succeeded' });
    expect(operation.nodes.map(({ state }) => state).sort()).toEqual(['switched', 'switched', 'unreachable']);
    await cluster.restart(away);
    await cluster.waitHealthy(3);
    await until('the nodes agree', () => agree(cluster));
    expect(await namesAt(away)).toEqual(['kept']);
  });

  it('refuses without a majority, before anything changes', async () => {
    const survivor = cluster.node(0);
    const lost = cluster.nodes.slice(1);
    const { epoch } = await cluster.view(survivor);
    for (const node of lost) await node.killAll();
    await until('the quorum is lost', async () => !(await cluster.view(survivor)).quorum.held);
    expect(await refusalOf(uploadRestore(survivor, token(), file()))).toMatchObject({ status: 503, code: 'no_quorum' });
    for (const node of lost) await cluster.restart(node);
    await cluster.waitHealthy(3);
    expect((await cluster.view(survivor)).epoch).toBe(epoch);
  });

  for (const [who, stage] of [
    ['the node that carries it out', 'preparing'],
    ['the node that carries it out', 'staging'],
    ['the node that carries it out', 'switching'],
    ['another node', 'switching'],
    ['every node', 'switching'],
    ['every node', 'finishing'],
  ] as const) {
    it(`leaves the old or the new state on all nodes when ${who} gets kill -9 while ${stage}`, async () => {
      const [node, other] = cluster.nodes as [Daemon, Daemon];
      const written = await write(node.client(), `before-${stage}-${who.length}-${Date.now()}`);
      const { epoch } = await cluster.view(node);
      await uploadRestore(node, token(), file());
      await until(
        `it is ${stage}`,
        async () => {
          const operation = await operationOf(node.local(2_000));
          return operation && RESTORE_STAGES.indexOf(operation.stage) >= RESTORE_STAGES.indexOf(stage);
        },
        { everyMs: 2 },
      );
      const victims = { 'another node': [other], 'every node': cluster.nodes }[who as string] ?? [node];
      await Promise.all(victims.map((victim) => victim.killAll()));
      for (const victim of victims) await victim.start();
      for (const victim of victims) await victim.waitReady();
      await cluster.waitHealthy(3);
      await until('the nodes agree', () => agree(cluster), { boundMs: 40_000 });
      const now = await cluster.view(node);
      note(`killed while ${stage}: epoch ${epoch} → ${now.epoch}`);
      const names = await namesAt(other);
      if (now.epoch === epoch) expect(names).toContain(written.name);
      else expect(names).toEqual(['kept']);
      expect(await sees(node.client(), await write(other.client(), `after-${Date.now()}`))).toBe(true);
    });
  }
});
