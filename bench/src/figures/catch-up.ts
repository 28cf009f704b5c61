import { silentLogger } from '@quorate/api/src/lib/logger';
import { createEtcdLog } from '@quorate/api/src/replication/etcd-log';
import { recordSignIn } from '@quorate/api/src/resources/session/commands';
import { concurrently, type Figure, secondsOf } from '../figure';
import { openReplica, signIn, withDirectory } from '../workload';
import { PREFIX, withReplicaOnEtcd } from './replicated';

const COMMANDS = 100_000;
const GIVE_UP_MS = 60_000;

export const catchUp: Figure = {
  name: 'catching up',
  unit: 's',
  bound: { at: 'most', value: 10 },
  why: `a member that is ${COMMANDS.toLocaleString('en')} commands behind reads them from a real etcd of three members and applies them`,
  measure: () =>
    withReplicaOnEtcd(async (ahead, client) => {
      await concurrently(COMMANDS, 500, () => ahead.propose(recordSignIn, signIn));
      const tip = ahead.applier.position.index;
      const log = createEtcdLog({ client, prefix: PREFIX, epoch: 1, log: silentLogger() });
      return withDirectory(async (directory) => {
        const behind = openReplica(directory, 'NORMAL', log);
        const stop = new AbortController();
        let followed: Promise<unknown> | undefined;
        const seconds = await secondsOf(async () => {
          followed = behind.applier.follow(log, stop.signal);
          await behind.applier.waitFor(tip, GIVE_UP_MS);
        });
        stop.abort();
        await followed;
        behind.close();
        await log.close();
        return seconds;
      });
    }),
};
