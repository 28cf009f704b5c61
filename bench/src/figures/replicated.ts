import { silentLogger } from '@quorate/api/src/lib/logger';
import type { EtcdClient } from '@quorate/api/src/replication/etcd/client';
import { createEtcdLog } from '@quorate/api/src/replication/etcd-log';
import { writeGenesis } from '@quorate/api/src/replication/etcd-log-genesis';
import { recordSignIn } from '@quorate/api/src/resources/session/commands';
import { startTestEtcd } from '@quorate/api/src/testing/etcd';
import { concurrently, type Figure, median, pairedRatio } from '../figure';
import { openReplica, type Replica, signIn, valueLikeASignIn, withDirectory } from '../workload';

export const PREFIX = '/quorate';

/** A replica on a real etcd of three members, and the same client for raw puts. */
export async function withReplicaOnEtcd<T>(run: (replica: Replica, client: EtcdClient) => Promise<T>): Promise<T> {
  const etcd = await startTestEtcd({ size: 3 });
  const client = etcd.client();
  const following = new AbortController();
  try {
    await writeGenesis(client, PREFIX, { epoch: 1, base_index: 0, chain: '0'.repeat(64) });
    const log = createEtcdLog({ client, prefix: PREFIX, epoch: 1, log: silentLogger() });
    return await withDirectory(async (directory) => {
      const replica = openReplica(directory, 'NORMAL', log);
      const followed = replica.applier.follow(log, following.signal);
      try {
        await recordOne(replica);
        return await run(replica, client);
      } finally {
        following.abort();
        await followed;
        replica.close();
        await log.close();
      }
    });
  } finally {
    following.abort();
    await etcd.stop();
  }
}

const recordOne = (replica: Replica): Promise<unknown> => replica.propose(recordSignIn, signIn);

const put = (client: EtcdClient, n: number): Promise<unknown> =>
  client.call(
    'KV.Put',
    { key: Buffer.from(`/raw/${n}`), value: valueLikeASignIn() },
    { retry: 'unsent', deadlineMs: 10_000 },
  );

async function p50(count: number, one: (n: number) => Promise<unknown>): Promise<number> {
  const times: number[] = [];
  for (let n = 0; n < count; n += 1) {
    const startedAt = performance.now();
    await one(n);
    times.push(performance.now() - startedAt);
  }
  return median(times);
}

async function perSecond(count: number, concurrency: number, one: (n: number) => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await concurrently(count, concurrency, one);
  return (count * 1000) / (performance.now() - startedAt);
}

/** Calls of each side before anything counts: compiled code, warm connections, an etcd past its start. */
const WARM_UP = 500;

export const replicatedLatency: Figure = {
  name: 'replicated latency',
  unit: 'ratio',
  bound: { at: 'most', value: 1.3 },
  why: 'p50 of one recorded sign-in at a time, applied and answered, against a raw put of the same size; three members, same client',
  measure: () =>
    withReplicaOnEtcd(async (replica, client) => {
      const ours = (count: number) => p50(count, () => recordOne(replica));
      const theirs = (count: number) => p50(count, (n) => put(client, n % 10));
      await ours(WARM_UP);
      await theirs(WARM_UP);
      return pairedRatio(
        31,
        () => ours(50),
        () => theirs(50),
      );
    }),
};

export const replicatedThroughput: Figure = {
  name: 'replicated throughput',
  unit: 'ratio',
  bound: { at: 'least', value: 10 },
  why: 'recorded sign-ins/s at concurrency 256, applied and answered, against raw puts/s of the same size at the same concurrency',
  measure: () =>
    withReplicaOnEtcd((replica, client) =>
      pairedRatio(
        5,
        () => perSecond(15_000, 256, () => recordOne(replica)),
        () => perSecond(2_000, 256, (n) => put(client, n % 100)),
      ),
    ),
};
