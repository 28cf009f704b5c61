import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ApiNode, startApiNode } from '../testing/api-node';
import { BootError } from './boot';
import { loadNodeFile } from './pki/node-file';
import { commitRecovery, copyStateFile } from './recovery/rebuild';

describe('the start of a single node', () => {
  let dataDir: string;
  let running: ApiNode | undefined;
  beforeEach(async () => {
    dataDir = mkdtempSync(join(tmpdir(), 'quorate-single-'));
    await start();
    await stop();
  });
  afterEach(async () => {
    await stop();
    rmSync(dataDir, { recursive: true, force: true });
  });

  async function start(): Promise<ApiNode> {
    running = await startApiNode({ settings: { data_dir: dataDir } });
    return running;
  }
  async function stop(): Promise<void> {
    await running?.stop();
    running = undefined;
  }
  function edit(sql: string): void {
    const file = new Database(join(dataDir, 'state.db'));
    file.exec(sql);
    file.close();
  }

  it('finishes a founding that was killed between its two entries', async () => {
    edit("DELETE FROM members; DELETE FROM seen_commands WHERE id LIKE 'founder-%'");
    const { node } = await start();
    expect(node.cluster.view.members()).toMatchObject([{ id: 1, self: true, suffrage: 'voter', health: 'healthy' }]);
  });

  it('refuses what a recovery that was cut short has left: with the old journal it would vote in the cluster that it left', async () => {
    const state = join(dataDir, 'work.db');
    copyStateFile(join(dataDir, 'state.db'), state);
    const nodeFile = loadNodeFile(dataDir);
    assert(nodeFile);
    const atMs = Date.now();
    // It ends before node.json, its last step, is written.
    expect(() => commitRecovery({ dataDir, state, nodeFile: { ...nodeFile, node_id: 0 }, atMs })).toThrow('node_id');
    await expect(start()).rejects.toThrow(/was cut short; run it again .*quorated recover/);
    copyStateFile(join(dataDir, 'state.db'), state);
    commitRecovery({ dataDir, state, nodeFile, atMs: atMs + 2_000 });
    await start();
  });

  it('refuses an old node.json in a cluster, and keeps the journal', async () => {
    edit(
      "CREATE TEMP TABLE m AS SELECT * FROM members; UPDATE m SET id = 2, name = 'beta'; INSERT INTO members SELECT * FROM m",
    );
    const journal = join(dataDir, 'raft');
    mkdirSync(journal);
    await expect(start()).rejects.toThrow(BootError);
    await expect(start()).rejects.toThrow(/node\.json says that this node is single, .* the members beta/);
    expect(existsSync(journal)).toBe(true);
  });
});
