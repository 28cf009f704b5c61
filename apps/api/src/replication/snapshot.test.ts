import { copyFileSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openStateStore } from '../db/state-store';
import { type Replica, startReplica, storedValues } from '../testing/replica';
import { MIGRATIONS_DIR } from '../testing/state';
import { stateDigest } from '../testing/state-digest';
import { testCommands } from '../testing/test-commands';
import { until } from '../testing/until';
import { readPosition } from './applier';
import { createMemoryLog, type MemoryLog } from './memory-log';
import { createSnapshot, hashFile, installSnapshot, SnapshotInvalid, verifySnapshot } from './snapshot';

const hex = (chain: Uint8Array): string => Buffer.from(chain).toString('hex');
const SCHEMA = readdirSync(MIGRATIONS_DIR).filter((file) => file.endsWith('.sql')).length;

describe('a snapshot', () => {
  let log: MemoryLog;
  let replica: Replica;
  const others: Replica[] = [];
  beforeEach(async () => {
    log = createMemoryLog();
    replica = await startReplica({ log });
  });
  afterEach(async () => {
    for (const other of others.splice(0)) await other.stop();
    await replica.stop();
  });
  const write = (key: string, value = 'v'): Promise<unknown> => replica.propose(testCommands.append, { key, value });
  const fill = async (bytes: number): Promise<void> => {
    for (let n = 0; n * 10_000 < bytes; n += 1) await write(`filler ${n}`, 'x'.repeat(10_000));
  };
  const pathIn = (name: string): string => join(replica.directory, name);
  const take = (name = 'snap.db') => createSnapshot(replica.store, pathIn(name));

  it('is one consistent point, taken while writes go on', async () => {
    await fill(4_000_000);
    const chains = new Map<number, string>();
    replica.applier.onApplied(() => {
      const { index, chain } = replica.applier.position;
      chains.set(index, hex(chain));
    });
    const before = replica.applier.position.index;
    let done = false;
    let written = 0;
    const writer = (async () => {
      while (!done) {
        await write('busy', 'x');
        written += 1;
        await turn();
      }
    })();
    await until(() => written > 5, 'writes run');
    const manifest = await take();
    const during = replica.applier.position.index;
    done = true;
    await writer;
    expect(during).toBeGreaterThan(before + 5);
    expect(manifest.index).toBeGreaterThan(before);
    expect(manifest.index).toBeLessThanOrEqual(during);
    expect(manifest.chain).toBe(chains.get(manifest.index));
    await verifySnapshot(pathIn('snap.db'), manifest, SCHEMA);
    const copy = openStateStore({ path: pathIn('snap.db'), migrationsDir: MIGRATIONS_DIR, durability: 'NORMAL' });
    const row = copy.db.$client.prepare("SELECT length(jwe) AS n FROM cluster_secrets WHERE name = 'busy'").get();
    expect(row).toEqual({ n: manifest.index - before });
    expect(readPosition(copy.db).index).toBe(manifest.index);
    copy.close();
  });

  it('is refused when it was changed, cut, is of another position, or of a newer schema', async () => {
    await fill(200_000);
    const manifest = await take();
    const path = pathIn('snap.db');
    const refused = (changed: Partial<typeof manifest>, file = path) =>
      expect(verifySnapshot(file, { ...manifest, ...changed }, SCHEMA)).rejects;
    await refused({ schema_version: SCHEMA + 1 }).toThrow('upgrade this node first');
    await refused({ index: manifest.index + 1 }).toThrow('another position');
    await refused({ chain: '0'.repeat(64) }).toThrow('another position');
    await refused({ epoch: 2 }).toThrow('another position');
    await verifySnapshot(path, manifest, SCHEMA);

    const damaged = pathIn('damaged.db');
    const bytes = readFileSync(path);
    const at = bytes.indexOf(Buffer.from('xxxxxxxx'));
    bytes[at] = 0x79;
    writeFileSync(damaged, bytes);
    await refused({}, damaged).toThrow('checksum');
    copyFileSync(path, damaged);
    truncateSync(damaged, bytes.length / 2);
    await refused({}, damaged).toThrow('checksum');
    await refused({ sha256: await hashFile(damaged) }, damaged).toThrow(SnapshotInvalid);
    bytes.fill(0, bytes.length / 2, bytes.length / 2 + 8192);
    writeFileSync(damaged, bytes);
    await refused({ sha256: await hashFile(damaged) }, damaged).toThrow(SnapshotInvalid);
    writeFileSync(damaged, 'no database at all');
    await refused({ sha256: await hashFile(damaged) }, damaged).toThrow(SnapshotInvalid);
  });

  it('leaves no files beside itself', async () => {
    await fill(50_000);
    await verifySnapshot(pathIn('snap.db'), await take(), SCHEMA);
    expect(readdirSync(replica.directory).filter((name) => name.startsWith('snap'))).toEqual(['snap.db']);
  });

  it('brings a node forward that the log no longer serves, under running readers, without a restart', async () => {
    for (let n = 0; n < 20; n += 1) await write('k', `${n},`);
    const manifest = await take();
    await log.compact(manifest.index + 1);
    for (let n = 20; n < 25; n += 1) await write('k', `${n},`);

    const behind = await startReplica({ log: log.attach(), nodeId: 2 });
    others.push(behind);
    await until(() => behind.followEnd !== undefined, 'it finds the log compacted');
    expect(behind.followEnd).toBe('compacted');
    await behind.follow(false);

    let reading = true;
    let reads = 0;
    const seen = new Set<string>();
    const reader = (async () => {
      while (reading) {
        seen.add(storedValues(behind)['k'] ?? '');
        reads += 1;
        await turn();
      }
    })();
    await until(() => reads > 3, 'reads run');
    const waiting = behind.applier.waitFor(manifest.index, 10_000);
    await verifySnapshot(pathIn('snap.db'), manifest, SCHEMA);
    installSnapshot(behind.store, behind.applier, pathIn('snap.db'));
    expect(await waiting).toBe(true);
    expect(behind.applier.position).toMatchObject({ epoch: manifest.epoch, index: manifest.index });
    expect(hex(behind.applier.position.chain)).toBe(manifest.chain);
    await behind.follow(true);
    await until(() => behind.applier.position.index === replica.applier.position.index, 'it has caught up');
    const readsBefore = reads;
    await until(() => reads > readsBefore + 3, 'reads go on');
    reading = false;
    await reader;
    expect(stateDigest(behind.store.db)).toEqual(stateDigest(replica.store.db));
    expect(seen.has('')).toBe(true);
    expect((await behind.propose(testCommands.put, { key: 'after', value: 'v' })).index).toBe(manifest.index + 6);
    await behind.restart();
    expect(storedValues(behind)).toMatchObject({ after: 'v' });
  });

  it('leaves the old state open when the swap fails', async () => {
    await write('k', 'kept');
    expect(() => installSnapshot(replica.store, replica.applier, pathIn('missing.db'))).toThrow('no snapshot');
    expect(storedValues(replica)).toEqual({ k: 'kept' });
    await write('k', '+');
    expect(storedValues(replica)).toEqual({ k: 'kept+' });
  });

  it('replaces an older file of the same name', async () => {
    await write('k', '1');
    const first = await take();
    await write('k', '2');
    const second = await take();
    expect(second.index).toBe(first.index + 1);
    await verifySnapshot(pathIn('snap.db'), second, SCHEMA);
    const file = new Database(pathIn('snap.db'), { readonly: true });
    expect(file.prepare('SELECT jwe FROM cluster_secrets').pluck().get()).toBe('12');
    file.close();
  });
});
