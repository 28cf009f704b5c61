import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { commandRegistry } from '../registry';
import { type Replica, startReplica } from '../testing/replica';
import { claimConnector, releaseConnector, reportConnected } from './commands';
import { currentLease, lastTakeovers } from './queries';

describe('the lease of the connection', () => {
  let replica: Replica;
  beforeEach(async () => {
    replica = await startReplica({ log: 'local', registry: commandRegistry });
  });
  afterEach(() => replica.stop());

  const process = (nodeId: number) => ({ nodeId, session: randomUUID() });
  type Process = ReturnType<typeof process>;
  const lease = () => currentLease(replica.store.db);
  const claim = async (who: Process, from = lease()?.generation ?? 0) =>
    (await replica.propose(claimConnector, { ...who, from, seen: 'node_lost' })).result;
  const release = (who: Process, generation: number, settled: boolean) =>
    replica.propose(releaseConnector, { ...who, generation, reason: 'shutdown', settled, preferred: null });
  const connect = (who: Process, generation: number) =>
    replica.propose(reportConnected, { ...who, generation, gapMs: 10 });

  it('goes to one of those that claim at once, and the generation only grows', async () => {
    const from = lease()?.generation ?? 0;
    const claims = await Promise.allSettled([1, 2, 3].map((id) => claim(process(id), from)));
    expect(claims.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    const lost = claims.flatMap((one) => (one.status === 'rejected' ? [one.reason.code] : []));
    expect(lost).toEqual(['conflict', 'conflict']);
    const first = lease()?.generation ?? 0;
    const second = await claim(process(2));
    expect(second.generation).toBeGreaterThan(first);
  });

  it('lets a successor connect at once only when nobody before it can be connected', async () => {
    const [a, b, c] = [process(1), process(2), process(3)];
    const one = await claim(a);
    expect(one).toMatchObject({ settled: true, reason: 'first' });
    await connect(a, one.generation);
    await release(a, one.generation, true);
    // It closed first, and said so.
    const two = await claim(b);
    expect(two).toMatchObject({ settled: true, reason: 'shutdown' });
    // Nobody knows what b does.
    const three = await claim(c);
    expect(three).toMatchObject({ settled: false, reason: 'node_lost' });
    // c gives up while it still waits for b: who comes next has to wait for b as well.
    await release(c, three.generation, false);
    expect(await claim(a)).toMatchObject({ settled: false });
  });

  it('lets a restarted node go on at once, but not past one that it was still waiting for', async () => {
    const [a, b] = [process(1), process(2)];
    await connect(a, (await claim(a)).generation);
    expect(await claim(process(1))).toMatchObject({ settled: true, reason: 'restarted' });
    expect(await claim(b)).toMatchObject({ settled: false });
    expect(await claim(process(2))).toMatchObject({ settled: false, reason: 'restarted' });
    const last = process(2);
    const { generation } = await claim(last);
    await connect(last, generation);
    expect(lease()).toMatchObject({ settled: true });
  });

  it('takes nothing from a process that has lost it', async () => {
    const [a, b] = [process(1), process(2)];
    const one = await claim(a);
    const two = await claim(b);
    await release(a, one.generation, true);
    await release(a, two.generation, true);
    await connect(a, two.generation);
    await release({ ...b, session: randomUUID() }, two.generation, true);
    expect(lease()).toMatchObject({ holder: 2, generation: two.generation, settled: false, connectedAt: null });
  });

  it('keeps a history that says who, why and how long', async () => {
    const [a, b] = [process(1), process(2)];
    const one = await claim(a);
    await connect(a, one.generation);
    await release(a, one.generation, true);
    const two = await claim(b);
    await connect(b, two.generation);
    await connect(b, two.generation);
    const history = lastTakeovers(replica.store.db, 10);
    expect(history).toMatchObject([
      { nodeId: 2, fromNodeId: 1, reason: 'shutdown', gapMs: 10, endedAt: null },
      { nodeId: 1, fromNodeId: null, reason: 'first', gapMs: 10, endedAt: expect.any(Number) },
    ]);
  });
});
