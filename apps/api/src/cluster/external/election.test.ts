import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../../lib/logger';
import { startTestEtcd, type TestEtcd } from '../../testing/etcd';
import { until } from '../../testing/until';
import { type Election, startElection } from './election';

describe('an election over somebody else’s etcd', () => {
  let etcd: TestEtcd;
  let prefix: string;
  let runs = 0;
  beforeAll(async () => {
    etcd = await startTestEtcd();
  });
  afterAll(() => etcd.stop());
  beforeEach(() => {
    runs += 1;
    prefix = `/e${runs}`;
  });

  function candidate(nodeId: number, eligible = () => true): Election {
    return startElection({ client: etcd.client(), prefix, nodeId, eligible, logger: silentLogger() });
  }

  it('has one leader, on which all agree, and a further one when that gives up', async () => {
    const all = [candidate(1), candidate(2), candidate(3)] as const;
    await until(() => all.every((one) => one.leaderId() !== null), 'all know a leader');
    const leaders = new Set(all.map((one) => one.leaderId()));
    expect(leaders.size).toBe(1);
    const first = [...leaders][0] as number;
    const leading = all[first - 1] as Election;
    const term = leading.term();
    const rest = all.filter((one) => one !== leading);
    await leading.stop();
    await until(() => rest.every((one) => one.leaderId() !== null && one.leaderId() !== first), 'another one leads');
    expect(rest.map((one) => one.term())).toEqual([term + 1, term + 1]);
    await Promise.all(rest.map((one) => one.stop()));
  });

  it('lets go before another one takes over when the leader is cut off', async () => {
    const client = etcd.client();
    let cut = false;
    const flaky = {
      ...client,
      call: ((...args: Parameters<typeof client.call>) =>
        cut ? Promise.reject(new Error('cut off')) : client.call(...args)) as typeof client.call,
    };
    const logger = silentLogger();
    const cutOff = startElection({ client: flaky, prefix, nodeId: 1, eligible: () => true, logger });
    await until(() => cutOff.leaderId() === 1, 'the first one leads');
    const other = candidate(2);
    await until(() => other.leaderId() === 1, 'the other one sees it');
    cut = true;
    let both = false;
    await until(() => {
      both ||= cutOff.leaderId() === 1 && other.leaderId() === 2;
      return other.leaderId() === 2;
    }, 'the other one leads');
    expect(both).toBe(false);
    expect(cutOff.leaderId()).not.toBe(1);
    cut = false;
    await until(() => cutOff.leaderId() === 2, 'the first one follows');
    await Promise.all([cutOff.stop(), other.stop()]);
  });

  it('is not won by a node that may not lead, and left by one that may not any more', async () => {
    let drained = false;
    const one = candidate(1, () => !drained);
    await until(() => one.leaderId() === 1, 'it leads');
    const never = candidate(2, () => false);
    drained = true;
    await until(() => one.leaderId() === null && never.leaderId() === null, 'nobody leads');
    drained = false;
    await until(() => never.leaderId() === 1, 'it leads again');
    await Promise.all([one.stop(), never.stop()]);
  });
});
