import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../lib/logger';
import { startTestEtcd, type TestEtcd } from '../testing/etcd';
import { until } from '../testing/until';
import type { EtcdClient } from './etcd/client';
import { createEtcdLog } from './etcd-log';
import { genesisKey, logKey, readGenesis, writeGenesis } from './etcd-log-genesis';
import { packEntry } from './etcd-log-value';
import { EpochChanged, type Log } from './log';

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('an epoch of the etcd log', () => {
  let etcd: TestEtcd;
  let client: EtcdClient;
  let log: Log;
  let prefix = '';
  let runs = 0;

  beforeAll(async () => {
    etcd = await startTestEtcd();
    client = etcd.client();
  });
  afterAll(() => etcd?.stop());
  beforeEach(async () => {
    runs += 1;
    prefix = `/e${runs}`;
    await writeGenesis(client, prefix, { epoch: 1, base_index: 0, chain: '' });
    log = createEtcdLog({ client, prefix, epoch: 1, log: silentLogger() });
  });

  it('stops everyone of an old epoch as soon as a new one is written', async () => {
    await log.append(bytesOf('old'));
    const seen: number[] = [];
    const reading = (async () => {
      for await (const entry of log.read({ epoch: 1, index: 0, cursor: '' }, new AbortController().signal))
        seen.push(entry.index);
    })();
    const failed = expect(reading).rejects.toThrow(EpochChanged);
    await until(() => seen.length === 1, 'the first entry');
    const current = await readGenesis(client, prefix);
    const next = { epoch: 2, base_index: 1, chain: 'cc' };
    expect(await writeGenesis(client, prefix, next, current)).toEqual({ written: true });
    await failed;
    await expect(log.append(bytesOf('late'))).rejects.toThrow(EpochChanged);
    await expect(log.barrier()).rejects.toThrow(EpochChanged);
    expect(await writeGenesis(client, prefix, next)).toEqual({ written: true });
    const other = await writeGenesis(client, prefix, { ...next, epoch: 3 });
    expect(other).toMatchObject({ written: false, current: { epoch: 2, base_index: 1, chain: 'cc' } });
    const fresh = createEtcdLog({ client, prefix, epoch: 2, log: silentLogger() });
    await fresh.append(bytesOf('new'));
    expect(await fresh.barrier()).toBe(2);
    for await (const entry of fresh.read({ epoch: 1, index: 1, cursor: 'any' }, new AbortController().signal)) {
      expect(new TextDecoder().decode(entry.bytes)).toBe('new');
      break;
    }
  });

  it('takes nothing while another epoch record stands there, and begins no epoch over entries that are there', async () => {
    await log.append(bytesOf('e1'));
    const first = await readGenesis(client, prefix);
    // As in an etcd that was set back: the record of a later epoch is gone, its entries are not.
    await client.call('KV.Put', { key: logKey(prefix, 2), value: packEntry(bytesOf('left')) }, { retry: 'unsent' });
    const next = { epoch: 2, base_index: 1, chain: '' };
    expect(await writeGenesis(client, prefix, next, first)).toMatchObject({ written: false, used: true });
    const putRecord = (value: Uint8Array) =>
      client.call('KV.Put', { key: genesisKey(prefix), value }, { retry: 'unsent' });
    await putRecord(bytesOf(JSON.stringify({ epoch: 4, base_index: 0, chain: '' })));
    await expect(log.barrier()).rejects.toThrow(EpochChanged);
    await expect(log.append(bytesOf('late'))).rejects.toThrow(EpochChanged);
    await putRecord(first?.bytes ?? bytesOf(''));
    expect(await log.barrier()).toBe(1);
    await log.append(bytesOf('e2'));
    expect(await log.barrier()).toBe(2);
  });
});
