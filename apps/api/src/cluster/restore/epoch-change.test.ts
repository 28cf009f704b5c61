import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { delay } from '../../lib/async';
import { silentLogger } from '../../lib/logger';
import type { EtcdClient } from '../../replication/etcd/client';
import { EtcdError } from '../../replication/etcd/errors';
import { createEtcdLog } from '../../replication/etcd-log';
import {
  type Genesis,
  logKey,
  readGenesis,
  type StoredGenesis,
  writeGenesis,
} from '../../replication/etcd-log-genesis';
import { packEntry } from '../../replication/etcd-log-value';
import { startTestEtcd, type TestEtcd } from '../../testing/etcd';
import { type Replica, startReplica, storedValues } from '../../testing/replica';
import { testCommands } from '../../testing/test-commands';
import { until } from '../../testing/until';
import { beginEpoch } from './begin-epoch';
import { finishEpoch } from './ended-epoch';

const CHAIN_START = '00'.repeat(32);
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

describe('a new epoch', () => {
  let etcd: TestEtcd;
  let client: EtcdClient;
  let prefix = '';
  let runs = 0;
  const replicas: Replica[] = [];

  beforeAll(async () => {
    etcd = await startTestEtcd();
    client = etcd.client();
  }, 60_000);
  afterAll(() => etcd.stop());
  beforeEach(async () => {
    prefix = `/epochs/${runs++}`;
    await writeGenesis(client, prefix, { epoch: 1, base_index: 0, chain: CHAIN_START });
  });
  afterEach(async () => {
    for (const replica of replicas.splice(0)) await replica.stop();
  });

  async function open(nodeId: number): Promise<Replica> {
    const log = createEtcdLog({ client, prefix, epoch: 1, log: silentLogger() });
    const replica = await startReplica({ log, nodeId });
    replicas.push(replica);
    return replica;
  }
  const put = (replica: Replica, name: string) => replica.propose(testCommands.put, { key: name, value: name });
  const begin = (replica: Replica, hold = async () => {}, file = 'x'): Promise<Genesis> => {
    const { applier, barrier } = replica;
    return beginEpoch({ client, prefix, applier, barrier, restore: { file }, hold });
  };
  async function finish(replica: Replica, { epoch }: Genesis): Promise<boolean> {
    const next = { ...((await readGenesis(client, prefix)) as StoredGenesis), epoch };
    return finishEpoch({ client, prefix, applier: replica.applier, next, signal: new AbortController().signal });
  }

  it('begins right after the last entry, though another node writes all the while', async () => {
    const [one, two] = [await open(1), await open(2)];
    let written = 0;
    let stopped = false;
    const writer = (async () => {
      while (!stopped) {
        const name = `w${written}`;
        // After the change its log refuses; what was acknowledged before must be below the base.
        const done = await two
          .propose(testCommands.put, { key: name, value: name }, { timeoutMs: 1_000 })
          .catch(() => undefined);
        if (done) written = Math.max(written, done.index);
        await delay(1);
      }
    })();
    await until(() => written > 20, 'writes flow');
    const next = await begin(one, async () => {
      await two.proposer.pause();
      setTimeout(() => two.proposer.attach(two.log), 100);
    });
    stopped = true;
    await writer;
    expect(next).toMatchObject({ epoch: 2, restore: { file: 'x' } });
    expect(next.base_index).toBeGreaterThanOrEqual(written);
    expect(await readGenesis(client, prefix)).toMatchObject({ epoch: 2, base_index: next.base_index });
    expect(next.chain).toBe(hex(one.applier.position.chain));
    expect(one.followEnd ?? 'epoch_changed').toBe('epoch_changed');
  });

  it('takes an entry in that slips between the last look and the change', async () => {
    const [one, two] = [await open(1), await open(2)];
    await put(one, 'a');
    let slipped = false;
    const racing: EtcdClient = {
      ...client,
      call: async (method, request, options) => {
        const isChange = method === 'KV.Txn' && JSON.stringify(request).includes('"success":[{"request_put"');
        if (isChange && !slipped) {
          slipped = true;
          await put(two, 'late');
        }
        return client.call(method, request, options);
      },
    };
    const { applier, barrier } = one;
    const next = await beginEpoch({ client: racing, prefix, applier, barrier, restore: {}, hold: async () => {} });
    expect(slipped).toBe(true);
    expect(next.base_index).toBe(2);
    expect(storedValues(one)).toEqual({ a: 'a', late: 'late' });
  });

  it('does not take a lost answer for a refusal', async () => {
    const one = await open(1);
    await put(one, 'a');
    const { applier, barrier } = one;
    const lost = (outcome: 'unknown' | 'not_done') => {
      const call = ((method: Parameters<EtcdClient['call']>[0], ...rest: unknown[]) =>
        method === 'KV.Txn' && JSON.stringify(rest).includes('request_put')
          ? Promise.reject(new EtcdError('it stopped answering', 'timeout', outcome, ''))
          : (client.call as (...all: unknown[]) => Promise<unknown>)(method, ...rest)) as EtcdClient['call'];
      const flaky = { ...client, call };
      return beginEpoch({ client: flaky, prefix, applier, barrier, restore: {}, hold: async () => {} });
    };
    await expect(lost('unknown')).rejects.toMatchObject({ code: 'outcome_unknown' });
    await expect(lost('not_done')).rejects.toMatchObject({ code: 'no_quorum' });
  });

  it('never begins over entries of its number, and says where they come from', async () => {
    const one = await open(1);
    await put(one, 'a');
    await client.call('KV.Put', { key: logKey(prefix, 2), value: packEntry(Buffer.from('left')) }, { retry: 'unsent' });
    await expect(begin(one)).rejects.toMatchObject({ code: 'conflict', message: expect.stringContaining('set back') });
    await put(one, 'b');
    expect(storedValues(one)).toEqual({ a: 'a', b: 'b' });
  });

  it('never begins twice from one epoch', async () => {
    const [one, two] = [await open(1), await open(2)];
    await put(one, 'a');
    await until(() => two.applier.position.index === 1, 'both have it');
    const outcomes = await Promise.allSettled([begin(one), begin(two, undefined, 'another')]);
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  });

  it('lets a node that was behind apply the rest of the ended epoch by itself', async () => {
    const [one, two] = [await open(1), await open(2)];
    await put(one, 'a');
    await until(() => two.applier.position.index === 1, 'both have the first entry');
    await two.follow(false);
    for (const name of ['b', 'c', 'd']) await put(one, name);
    const next = await begin(one);
    expect(next.base_index).toBe(4);
    // By a node that has not heard of the change: it is no part of any log.
    await client.call('KV.Put', { key: logKey(prefix, 1), value: packEntry(Buffer.from('late')) }, { retry: 'unsent' });
    expect(two.applier.position.index).toBe(1);
    expect(await finish(two, next)).toBe(true);
    expect(hex(two.applier.position.chain)).toBe(next.chain);
    expect(storedValues(two)).toEqual(storedValues(one));
    expect(await finish(two, next)).toBe(true);
  });

  it('says when the rest is trimmed, and applies nothing of it', async () => {
    const [one, two] = [await open(1), await open(2)];
    await put(one, 'a');
    await until(() => two.applier.position.index === 1, 'both have the first entry');
    await two.follow(false);
    for (const name of ['b', 'c', 'd']) await put(one, name);
    await one.log.compact(4);
    const next = await begin(one);
    expect(await finish(two, next)).toBe(false);
    expect(two.applier.position.index).toBe(1);
    expect(await finish(two, { ...next, epoch: 3 })).toBe(false);
  });
});
