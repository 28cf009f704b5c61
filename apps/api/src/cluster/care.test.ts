import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ClusterNode, startTestCluster, type TestCluster } from '../testing/cluster';
import { until } from '../testing/until';
import { ALARM_NUMBERS } from './alarms/etcd-alarms';

const PATIENCE_MS = 30_000;

describe('the care of a cluster of three', () => {
  let cluster: TestCluster;
  beforeAll(async () => {
    cluster = await startTestCluster(3, { 'raft.retain_entries': '100', 'snapshots.entries': '100' });
  }, 120_000);
  afterAll(() => cluster?.stop(), 60_000);

  async function follower(): Promise<ClusterNode> {
    const leader = await cluster.leader();
    return cluster.nodes.find((node) => node !== leader) ?? cluster.node(0);
  }
  async function compare(
    at: ClusterNode,
  ): Promise<{ index: number; verdict: string; replicas: { agrees: boolean }[] }> {
    const started = await at.call('POST', '/v1/cluster/replicas');
    expect(started.status, started.text).toBe(202);
    const look = async () => (await at.call('GET', '/v1/cluster/replicas')).body.check;
    await until(
      async () => {
        const check = await look();
        return check?.index === started.body.index && check.replicas.every((r: { digest: unknown }) => r.digest);
      },
      'every member has told its digest',
      PATIENCE_MS,
    );
    return look();
  }
  const alarms = async (at: ClusterNode): Promise<{ code: string; node_id: number; message: string }[]> =>
    (await at.call('GET', '/v1/alarms')).body.items;
  async function raise(at: ClusterNode, code: keyof typeof ALARM_NUMBERS): Promise<void> {
    const { journal } = at.node.cluster;
    const arm = { action: 1, member_id: journal.raft?.current.memberId ?? '', alarm: ALARM_NUMBERS[code] };
    await journal.engine?.client.call('Maintenance.Alarm', arm, { retry: 'safe' });
    await until(async () => (await alarms(at)).some((one) => one.code === code), 'it is told', PATIENCE_MS);
  }
  async function clear(at: ClusterNode, code: string): Promise<{ state: string; steps: { detail: string }[] }> {
    const started = await at.call('POST', `/v1/alarms/${code}/clear`);
    expect(started.status, started.text).toBe(202);
    // As through a load balancer: another node is asked each time.
    let turn = 0;
    const operation = async () => {
      turn += 1;
      const up = cluster.nodes.filter((one) => one.running);
      return (await up[turn % up.length]?.call('GET', `/v1/alarms/${code}/clear`))?.body.operation;
    };
    await until(
      async () => {
        const found = await operation();
        expect(found?.id).toBe(started.body.id);
        return found.state !== 'running';
      },
      'it is over',
      60_000,
    );
    return operation();
  }
  const localEvents = (at: ClusterNode, type: string) =>
    at.node.cluster.localEvents.after(0).filter(({ event }) => event.type === type);

  it('finds equal states equal, while writes go on', async () => {
    let done = false;
    const writing = (async () => {
      while (!done) await cluster.write(cluster.node(1));
    })();
    const check = await compare(cluster.node(0));
    done = true;
    await writing;
    expect(check.verdict).toBe('equal');
    expect(check.replicas).toHaveLength(3);
  }, 60_000);

  it('takes a member whose rows were changed out of service, says so, and gives it the state of the others', async () => {
    const victim = await follower();
    const db = new Database(join(victim.dataDir, 'state.db'));
    db.prepare("UPDATE users SET role = 'viewer'").run();
    db.close();
    const installs = localEvents(victim, 'snapshot.installed').length;
    // The first admin is a viewer there now.
    expect((await victim.call('POST', '/v1/cluster/replicas')).status).toBe(403);
    expect((await (await cluster.leader()).call('POST', '/v1/cluster/replicas')).status).toBe(202);
    await until(
      () => localEvents(victim, 'snapshot.installed').length > installs,
      'the state was replaced',
      PATIENCE_MS,
    );
    await until(async () => (await victim.call('GET', '/readyz')).status === 200, 'it is ready again', PATIENCE_MS);
    expect(localEvents(victim, 'alarm.raised').map(({ event }) => event.data['code'])).toContain('state_diverged');
    expect((await victim.call('GET', '/v1/users')).body.items[0].role).toBe('admin');
    expect((await compare(victim)).verdict).toBe('equal');
  }, 90_000);

  it('makes verified snapshots by count and trims the log no further than they go', async () => {
    const leader = await cluster.leader();
    for (let n = 0; n < 260; n += 1) await cluster.write(leader);
    for (const node of cluster.nodes) {
      await until(
        async () => (await node.call('GET', '/v1/snapshots')).body.items.length > 0,
        'it keeps one',
        PATIENCE_MS,
      );
    }
    await until(() => localEvents(leader, 'log.compacted').length > 0, 'the log was trimmed', PATIENCE_MS);
    const before = Number(localEvents(leader, 'log.compacted').at(-1)?.event.data['before']);
    const newest = leader.node.cluster.care.snapshots.list()[0];
    expect(before).toBeLessThanOrEqual(newest?.index ?? 0);
  }, 90_000);

  it('raises NOSPACE on every node and clears it step by step', async () => {
    const leader = await cluster.leader();
    await raise(leader, 'etcd_no_space');
    for (const node of cluster.nodes) {
      await until(
        async () => (await alarms(node)).some(({ code }) => code === 'etcd_no_space'),
        'it is told',
        PATIENCE_MS,
      );
    }
    const plan = await leader.call('GET', '/v1/alarms/etcd_no_space/clear');
    expect(plan.body.plan.steps.map((step: { name: string }) => step.name)).toEqual([
      ...['snapshot', 'compact', 'defragment', 'defragment', 'defragment', 'disarm', 'check'],
    ]);
    expect(await clear(leader, 'etcd_no_space')).toMatchObject({ state: 'succeeded' });
    await cluster.write(leader);
    await until(async () => (await alarms(leader)).length === 0, 'no alarm is left', PATIENCE_MS);
    expect(localEvents(leader, 'alarm.cleared').length).toBeGreaterThan(0);
    expect((await leader.call('POST', '/v1/alarms/etcd_no_space/clear')).status).toBe(404);
    expect((await leader.call('POST', '/v1/alarms/nonsense/clear')).status).toBe(404);
  }, 120_000);

  it('clears CORRUPT once the members were found equal', async () => {
    const leader = await cluster.leader();
    await raise(leader, 'etcd_corrupt');
    await expect(cluster.write(leader)).rejects.toThrow();
    const cleared = await clear(leader, 'etcd_corrupt');
    expect(cleared, JSON.stringify(cleared)).toMatchObject({ state: 'succeeded' });
    await cluster.write(leader);
  }, 120_000);

  it('tells of a member that is down, and no longer when it is back', async () => {
    const victim = await follower();
    const other = cluster.nodes.find((node) => node !== victim) ?? cluster.node(0);
    const { nodeId } = victim.node;
    await victim.stop();
    // The leader would take no write while it waits for it, whether its silence was noticed already or not.
    const toNobody = await other.call('POST', '/v1/cluster/leadership', { to: nodeId });
    expect(toNobody, toNobody.text).toMatchObject({
      status: 409,
      body: { detail: expect.stringContaining('does not answer') },
    });
    await until(
      async () =>
        (await alarms(other)).some(({ code, message }) => code === 'member_down' && message.includes(victim.name)),
      'it is missed',
      PATIENCE_MS,
    );
    // Neither alarm of etcd waits for it: while one stands, nothing can be written, not even the removal of this member.
    for (const code of ['etcd_no_space', 'etcd_corrupt'] as const) {
      await raise(other, code);
      const cleared = await clear(other, code);
      expect(cleared.state, JSON.stringify(cleared)).toBe('succeeded');
      await cluster.write(other);
    }
    expect((await alarms(other)).map(({ code }) => code)).toContain('quorum_at_risk');
    expect((await other.call('POST', '/v1/alarms/member_down/clear')).body.code).toBe('conflict');
    await victim.start();
    await until(async () => (await alarms(other)).length === 0, 'the alarms are over', PATIENCE_MS);
  }, 120_000);

  it('gives a member that was away for longer than the log reaches the state, while it serves', async () => {
    const away = await follower();
    const leader = await cluster.leader();
    await away.stop();
    const before = localEvents(leader, 'log.compacted').length;
    for (let n = 0; n < 300; n += 1) await cluster.write(leader);
    const stopped = (await leader.call('GET', '/v1/cluster')).body.applied_index;
    await until(() => localEvents(leader, 'log.compacted').length > before, 'the log was trimmed', 60_000);
    await away.start();
    // Reads are answered from the first moment on.
    expect((await away.call('GET', '/livez')).status).toBe(200);
    await until(
      () => localEvents(away, 'snapshot.installed').some(({ event }) => event.message.includes('behind the log')),
      'it installed a snapshot',
      PATIENCE_MS,
    );
    await until(() => away.node.cluster.view.tipIndex() >= stopped, 'it is at the tip', PATIENCE_MS);
    expect((await compare(away)).verdict).toBe('equal');
  }, 120_000);
});
