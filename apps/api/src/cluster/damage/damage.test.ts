import {
  closeSync,
  cpSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ClusterNode, startTestCluster, type TestCluster } from '../../testing/cluster';
import { until } from '../../testing/until';

const PATIENCE_MS = 45_000;

/** Overwrites a stretch of a file in its middle with noise. */
function scribble(path: string, bytes = 8_192): void {
  const size = statSync(path).size;
  const file = openSync(path, 'r+');
  writeSync(
    file,
    Buffer.alloc(Math.min(bytes, size), 0xa5),
    0,
    Math.min(bytes, size),
    Math.floor(size / 2 / 4096) * 4096,
  );
  closeSync(file);
}

describe('a member of three', () => {
  let cluster: TestCluster;
  beforeAll(async () => {
    cluster = await startTestCluster(3);
    for (let n = 0; n < 40; n += 1) await cluster.write();
  }, 120_000);
  afterAll(() => cluster?.stop(), 60_000);

  async function follower(): Promise<ClusterNode> {
    const leader = await cluster.leader();
    return cluster.nodes.find((node) => node !== leader && node !== cluster.node(0)) ?? cluster.node(2);
  }
  const stateOf = (node: ClusterNode): string => join(node.dataDir, 'state.db');
  const told = (node: ClusterNode): string[] =>
    node.node.cluster.localEvents
      .after(0)
      .flatMap(({ event }) => (event.type === 'state.damaged' ? [event.message] : []));

  async function isWholeAgain(node: ClusterNode): Promise<void> {
    await cluster.write(cluster.node(0));
    await until(async () => (await node.call('GET', '/readyz')).status === 200, `${node.name} is ready`, PATIENCE_MS);
    const before = (await cluster.node(0).call('POST', '/v1/cluster/replicas')).body.index;
    await until(
      async () => {
        const { check } = (await cluster.node(0).call('GET', '/v1/cluster/replicas')).body;
        return (
          check?.index === before &&
          check.verdict === 'equal' &&
          check.replicas.every((r: { agrees: boolean }) => r.agrees)
        );
      },
      'all members have the same state',
      PATIENCE_MS,
    );
    await until(
      async () => {
        const { members } = (await cluster.node(0).call('GET', '/v1/cluster')).body;
        return members.length === 3 && members.every((m: { suffrage: string }) => m.suffrage === 'voter');
      },
      'all are voters',
      PATIENCE_MS,
    );
  }

  it('goes on from its own snapshot and the log when a page of its state is damaged', async () => {
    const victim = await follower();
    expect((await victim.call('POST', '/v1/snapshots')).status).toBe(201);
    await cluster.write();
    await victim.stop();
    scribble(stateOf(victim));
    await victim.start();
    expect(told(victim).at(-1)).toMatch(/own snapshot of index \d+ and the log/);
    await isWholeAgain(victim);
  }, 90_000);

  it('takes the state of another member when it has no snapshot and its file is cut short', async () => {
    const victim = await follower();
    await victim.stop();
    rmSync(join(victim.dataDir, 'snapshots'), { recursive: true, force: true });
    truncateSync(stateOf(victim), 4096 * 3);
    await victim.start();
    expect(told(victim).at(-1)).toContain('the state of another member');
    await isWholeAgain(victim);
    expect(readdirSync(join(victim.dataDir, 'damaged')).length).toBeGreaterThan(0);
  }, 90_000);

  it('reads again from the log what a cut write-ahead log has lost', async () => {
    const victim = await follower();
    for (let n = 0; n < 10; n += 1) await cluster.write();
    // As a power cut leaves it: the files as they are while it runs.
    const copy = mkdtempSync(join(tmpdir(), 'quorate-cut-'));
    for (const suffix of ['', '-wal']) cpSync(stateOf(victim) + suffix, join(copy, `state.db${suffix}`));
    await victim.stop();
    for (const suffix of ['', '-wal']) cpSync(join(copy, `state.db${suffix}`), stateOf(victim) + suffix);
    rmSync(copy, { recursive: true });
    truncateSync(`${stateOf(victim)}-wal`, Math.floor(statSync(`${stateOf(victim)}-wal`).size / 2) + 17);
    await victim.start();
    await isWholeAgain(victim);
  }, 90_000);

  it('fetches its journal from the others when raft/ is gone', async () => {
    const victim = await follower();
    await victim.stop();
    rmSync(join(victim.dataDir, 'raft'), { recursive: true });
    await victim.start();
    await isWholeAgain(victim);
  }, 120_000);

  async function endsAndHeals(victim: ClusterNode): Promise<void> {
    await victim.start();
    await until(() => victim.fatal.length > 0, 'it says that its journal is damaged', PATIENCE_MS);
    expect(String(victim.fatal.at(-1))).toMatch(/damaged or an old copy .*fetches it from the others/);
    await victim.stop();
    await victim.start();
    await isWholeAgain(victim);
  }

  it('fetches its journal from the others when a file of it is damaged', async () => {
    const victim = await follower();
    await victim.stop();
    const wal = join(victim.dataDir, 'raft/member/wal');
    const name =
      readdirSync(wal)
        .filter((file) => file.endsWith('.wal'))
        .sort()[0] ?? '';
    const bytes = readFileSync(join(wal, name));
    bytes.fill(0x5a, 2_000, 4_000);
    writeFileSync(join(wal, name), bytes);
    await endsAndHeals(victim);
  }, 120_000);

  it('fetches its journal from the others when an old copy of it was put back', async () => {
    const victim = await follower();
    await victim.stop();
    const raft = join(victim.dataDir, 'raft');
    const old = mkdtempSync(join(tmpdir(), 'quorate-old-'));
    cpSync(raft, old, { recursive: true });
    await victim.start();
    await until(async () => (await victim.call('GET', '/readyz')).status === 200, 'it is back', PATIENCE_MS);
    for (let n = 0; n < 40; n += 1) await cluster.write();
    await victim.stop();
    rmSync(raft, { recursive: true });
    cpSync(old, raft, { recursive: true });
    rmSync(old, { recursive: true });
    const before = victim.fatal.length;
    await victim.start();
    await until(
      async () => victim.fatal.length > before || (await victim.call('GET', '/readyz')).status === 200,
      'it found out, or the leader has sent what was missing',
      PATIENCE_MS,
    );
    if (victim.fatal.length > before) {
      await victim.stop();
      await victim.start();
    }
    await isWholeAgain(victim);
  }, 120_000);
});

describe('a node alone', () => {
  let cluster: TestCluster;
  beforeAll(async () => {
    cluster = await startTestCluster(1);
    for (let n = 0; n < 40; n += 1) await cluster.write();
    expect((await cluster.node(0).call('POST', '/v1/snapshots')).status).toBe(201);
  }, 60_000);
  afterAll(() => cluster?.stop(), 60_000);

  it('is refused with the cure when its state is damaged, and nothing is touched', async () => {
    const only = cluster.node(0);
    await only.stop();
    const path = join(only.dataDir, 'state.db');
    const whole = readFileSync(path);
    scribble(path);
    await expect(only.start()).rejects.toThrow(/is damaged .*quorated recover --from .*state-1-\d+\.db/);
    rmSync(join(only.dataDir, 'snapshots'), { recursive: true });
    await expect(only.start()).rejects.toThrow(/is damaged .*init-from-db/);
    expect(existsSync(join(only.dataDir, 'damaged'))).toBe(false);
    writeFileSync(path, whole);
    await only.start();
  }, 60_000);

  it('serves reads alone, takes no write and says what to do, when its journal is an old copy', async () => {
    const only = cluster.node(0);
    expect((await only.call('POST', '/v1/nodes/join-tokens', {})).status).toBe(201);
    await cluster.write();
    await only.stop();
    const raft = join(only.dataDir, 'raft');
    const old = mkdtempSync(join(tmpdir(), 'quorate-old-'));
    cpSync(raft, old, { recursive: true });
    await only.start();
    await until(async () => (await only.call('GET', '/readyz')).status === 200, 'it is back', PATIENCE_MS);
    for (let n = 0; n < 20; n += 1) await cluster.write();
    await only.stop();
    rmSync(raft, { recursive: true });
    cpSync(old, raft, { recursive: true });
    rmSync(old, { recursive: true });
    await only.start();
    const codes = async (): Promise<string[]> =>
      (await only.call('GET', '/v1/alarms')).body.items.map(({ code }: { code: string }) => code);
    await until(async () => (await codes()).includes('journal_unfit'), 'it says so', PATIENCE_MS);
    expect((await only.call('GET', '/readyz')).status).toBe(503);
    expect((await only.call('GET', '/v1/api-tokens')).body.items.length).toBeGreaterThan(20);
    const refused = await only.call('POST', '/v1/api-tokens', { name: 'lost', role: 'viewer' });
    expect(refused.status, refused.text).toBe(503);
  }, 120_000);
});
