import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Hono } from 'hono';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../lib/logger';
import { createTestJoiner, memberRegistry, startTestMember, type TestMember } from '../testing/member';
import { type Replica, startReplica } from '../testing/replica';
import type { ClusterEnv } from './listener';
import { createPeerClient, type PeerClient } from './peer-client';
import { createSnapshotServer, fetchAndInstall, removeUnfinishedSnapshots, SNAPSHOT_PATH } from './snapshot-exchange';

const SCHEMA = 1_000;
/** Longer than the bound on connecting, as copying a large state is. */
const SLOW_MS = 2_500;

describe('the exchange of snapshots', () => {
  let member: TestMember;
  let replica: Replica;
  let client: PeerClient;
  let slowMs: number;
  const cleanUps: (() => unknown)[] = [];

  beforeEach(async () => {
    slowMs = 0;
    const app = new Hono<ClusterEnv>();
    app.get(SNAPSHOT_PATH, async () => {
      await sleep(slowMs);
      return createSnapshotServer({ dataDir: member.replica.directory, store: member.replica.store })();
    });
    member = await startTestMember({ app });
    cleanUps.push(() => member.stop());
    const joiner = createTestJoiner(member, (await member.mint()).token, 'n2');
    cleanUps.push(() => joiner.dispose());
    const { caPem: ca, certPem: cert, keyPem: key } = (await joiner.join()).identity;
    client = createPeerClient({ tls: () => ({ ca, cert, key }), timeoutMs: 1_000, answerMs: 20_000 });
    cleanUps.push(() => client.close());
    replica = await startReplica({ log: 'local', registry: memberRegistry });
    cleanUps.push(() => replica.stop());
  });
  afterEach(async () => {
    for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
  });

  const exchange = (signal = new AbortController().signal): Promise<boolean> =>
    fetchAndInstall({
      peer: { nodeId: 1, address: member.address },
      client,
      dataDir: replica.directory,
      store: replica.store,
      applier: replica.applier,
      knownSchema: SCHEMA,
      logger: silentLogger(),
      signal,
    });
  const filesOf = (from: Replica): string[] => readdirSync(join(from.directory, 'snapshots'));

  it('waits for a peer that needs longer to copy its state than to be connected to', async () => {
    slowMs = SLOW_MS;
    expect(await exchange()).toBe(true);
    expect(replica.applier.position).toEqual(member.replica.applier.position);
    expect([...filesOf(replica), ...filesOf(member.replica)]).toEqual([]);
  });

  it('installs what is newer, and neither the same again nor an older epoch', async () => {
    expect(await exchange()).toBe(true);
    expect(await exchange()).toBe(false);
    const { epoch, index, cursor } = replica.applier.position;
    replica.applier.rebase({ epoch: epoch + 1, cursor });
    await member.mint();
    expect(await exchange()).toBe(false);
    expect(replica.applier.position).toMatchObject({ epoch: epoch + 1, index });
  });

  it('ends when the node stops', async () => {
    slowMs = SLOW_MS;
    const stopping = new AbortController();
    const attempt = exchange(stopping.signal);
    stopping.abort();
    await expect(attempt).rejects.toThrow();
    expect(replica.applier.position.index).toBe(0);
  });

  it('clears what a killed process left, and nothing else', () => {
    const directory = join(replica.directory, 'snapshots');
    removeUnfinishedSnapshots(replica.directory);
    mkdirSync(directory);
    for (const file of ['sending-1.db', 'receiving-2.db', 'receiving-2.db-wal', 'kept.db']) {
      writeFileSync(join(directory, file), '');
    }
    removeUnfinishedSnapshots(replica.directory);
    expect(filesOf(replica)).toEqual(['kept.db']);
  });
});
