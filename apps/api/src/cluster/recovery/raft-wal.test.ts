import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { silentLogger } from '../../lib/logger';
import { createEtcdLog } from '../../replication/etcd-log';
import { writeGenesis } from '../../replication/etcd-log-genesis';
import { startTestEtcd, type TestEtcd } from '../../testing/etcd';
import { openJournal } from './journal-tail';

const PREFIX = '/wal';
const ENTRIES = 5;
let etcd: TestEtcd;
let directory: string;
beforeAll(async () => {
  etcd = await startTestEtcd();
  directory = mkdtempSync(join(tmpdir(), 'quorate-wal-'));
  const client = etcd.client();
  await writeGenesis(client, PREFIX, { epoch: 1, base_index: 0, chain: '00'.repeat(32) });
  const log = createEtcdLog({ client, prefix: PREFIX, epoch: 1, log: silentLogger() });
  for (let n = 0; n < ENTRIES; n += 1) await log.append(Buffer.from(`entry ${n}`));
  await log.close();
  // As a power cut leaves it: what was acknowledged is on disk, that it was committed is not.
  cpSync(join(etcd.directory, 'm1'), join(directory, 'raft'), { recursive: true });
}, 60_000);
afterAll(async () => {
  rmSync(directory, { recursive: true, force: true });
  await etcd.stop();
});

/** What recover finds in the journal after `change` was made to its newest file; `end` is where the records end. */
async function tipAfter(name: string, change: (wal: Buffer, end: number) => void): Promise<number> {
  const [raftDir, workDir] = [join(directory, `${name}-raft`), join(directory, `${name}-work`)];
  cpSync(join(directory, 'raft'), raftDir, { recursive: true });
  mkdirSync(workDir);
  const folder = join(raftDir, 'member', 'wal');
  const newest =
    readdirSync(folder)
      .filter((file) => file.endsWith('.wal'))
      .sort()
      .at(-1) ?? '';
  const wal = readFileSync(join(folder, newest));
  const used = wal.findLastIndex((byte) => byte !== 0) + 1;
  change(wal, Math.ceil(used / 8) * 8);
  writeFileSync(join(folder, newest), wal);
  const options = { raftDir, workDir, binary: 'etcd', prefix: PREFIX, memberName: 'm1', logger: silentLogger() };
  const journal = await openJournal(options);
  await journal.close();
  expect(journal.term).toBeGreaterThan(1);
  return journal.tip;
}

it('holds every entry that was acknowledged, the last one too', async () => {
  expect(await tipAfter('whole', () => {})).toBe(ENTRIES);
}, 30_000);

it('ends where a write was cut off', async () => {
  const cutOff = (wal: Buffer, end: number): void => {
    wal.writeBigUInt64LE(2_000n, end);
    wal.fill(0x08, end + 8, end + 40);
  };
  expect(await tipAfter('torn', cutOff)).toBe(ENTRIES);
}, 30_000);

it('is refused where it is damaged, not cut short in silence', async () => {
  const damage = (wal: Buffer, end: number): void => void wal.fill(0x5a, end - 200, end - 190);
  await expect(tipAfter('damaged', damage)).rejects.toThrow(/etcd/);
}, 60_000);
