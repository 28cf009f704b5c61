import { afterAll, beforeAll, describe } from 'vitest';
import { silentLogger } from '../lib/logger';
import { startTestEtcd, type TestEtcd } from '../testing/etcd';
import { createEtcdLog } from './etcd-log';
import { writeGenesis } from './etcd-log-genesis';
import type { Log } from './log';
import { describeLogContract } from './log.contract';

for (const size of [1, 3]) {
  describe(`on ${size} etcd member${size === 1 ? '' : 's'}`, () => {
    const base = 100 * size;
    let etcd: TestEtcd;
    let opened = 0;
    beforeAll(async () => {
      etcd = await startTestEtcd({ size });
    });
    afterAll(async () => {
      await etcd.stop();
    });

    const open = (): Log =>
      createEtcdLog({ client: etcd.client(opened % size), prefix: `/t${opened}`, epoch: 7, log: silentLogger() });

    describeLogContract(`the etcd log (${size})`, {
      base,
      async open() {
        opened += 1;
        await writeGenesis(etcd.client(), `/t${opened}`, { epoch: 7, base_index: base, chain: 'aa' });
        return open();
      },
      reopen: async () => open(),
    });
  });
}
