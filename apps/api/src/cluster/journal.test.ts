import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Logger } from '../lib/logger';
import { type ApiNode, startApiNode } from '../testing/api-node';
import { freePorts } from '../testing/etcd';
import { until } from '../testing/until';

describe('the journal of a node that grew', () => {
  let dataDir: string;
  let settings: Record<string, string>;
  let raftPort: number;
  let running: ApiNode | undefined;
  let token: string;

  beforeEach(async () => {
    dataDir = mkdtempSync(join(tmpdir(), 'quorate-journal-'));
    const [cluster = 0, peer = 0, client = 0] = await freePorts(3);
    raftPort = peer;
    settings = {
      data_dir: dataDir,
      'cluster.address': `127.0.0.1:${cluster}`,
      'raft.peer_address': `127.0.0.1:${peer}`,
      'raft.client_address': `127.0.0.1:${client}`,
    };
    token = await (await start()).setUp();
  });
  afterEach(async () => {
    await stop();
    rmSync(dataDir, { recursive: true, force: true });
  });

  async function start(more: Record<string, string> = {}, logger?: Logger): Promise<ApiNode> {
    running = await startApiNode({ settings: { ...settings, ...more }, ...(logger ? { logger } : {}) });
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
  const grow = () => running?.call('POST', '/v1/nodes/join-tokens', { token, body: {} });
  const write = async (username: string): Promise<number | undefined> => {
    const body = { username, password: 'long enough to do', role: 'viewer' };
    return (await running?.call('POST', '/v1/users', { token, body }))?.status;
  };
  const modeOnDisk = (): string => JSON.parse(readFileSync(join(dataDir, 'node.json'), 'utf8')).mode;

  it('takes no write on the embedded log when growth fails past its point of no return, and goes on at a restart', async () => {
    await stop();
    edit(`CREATE TRIGGER full_disk BEFORE UPDATE ON system_state WHEN NEW.epoch > 1
          BEGIN SELECT RAISE(ABORT, 'the disk is full'); END`);
    const failing = await start();
    expect((await grow())?.status).toBe(500);
    expect(failing.fatal).toHaveLength(1);
    expect(modeOnDisk()).toBe('raft');
    expect(await write('lost')).toBe(503);
    await stop();
    edit('DROP TRIGGER full_disk');
    await start();
    await until(async () => (await write('kept')) === 201, 'writes work on Raft');
    expect((await grow())?.status).toBe(201);
    const told = async () => (await running?.call('GET', '/v1/events?type=cluster.grown', { token }))?.body.items;
    await until(async () => (await told())?.length > 0, 'the growth is told');
    expect(await told()).toHaveLength(1);
  }, 60_000);

  it('grows although etcd was killed in its first moments and left half a journal: that is made anew', async () => {
    await stop();
    const lines: string[] = [];
    const logger = pino({ level: 'warn' }, { write: (line: string) => void lines.push(line) });
    await start({ 'raft.binary': etcdKilledAtFirst() }, logger);
    const grown = await grow();
    expect(grown?.status, grown?.text).toBe(201);
    expect(lines.filter((line) => line.includes('the first start of etcd was interrupted'))).toHaveLength(1);
    expect(await write('kept')).toBe(201);
  }, 60_000);

  /** Its first run leaves a journal that no etcd can go on with, and dies; from then on it is etcd. */
  function etcdKilledAtFirst(): string {
    const path = join(dataDir, 'fragile-etcd');
    const wal = join(dataDir, 'raft/member/wal');
    const lines = [
      '#!/bin/sh',
      `case "$*" in *--version*) exec etcd "$@" ;; esac`,
      `[ -e ${path}.ran ] && exec etcd "$@"`,
      `: > ${path}.ran; mkdir -p ${wal}; echo half > ${wal}/0000000000000000-0000000000000000.wal`,
      'kill -9 $$',
    ];
    writeFileSync(path, `${lines.join('\n')}\n`, { mode: 0o755 });
    return path;
  }

  it('starts etcd again after it could not, with no restart of the node', async () => {
    expect((await grow())?.status).toBe(201);
    await stop();
    const squatter: Server = createServer().listen(raftPort, '127.0.0.1');
    try {
      const node = await start();
      await until(() => node.node.cluster.journal.engine?.supervisor.status().crashes === 3, 'etcd gave up at first');
      expect((await node.call('GET', '/v1/cluster', { token })).status).toBe(200);
    } finally {
      await new Promise((closed) => squatter.close(closed));
    }
    await until(async () => (await write('after')) === 201, 'writes work again', 30_000);
  }, 60_000);

  it('says why it does not come up under another cluster.token, and comes up under the old one', async () => {
    expect((await grow())?.status).toBe(201);
    await stop();
    const lines: string[] = [];
    const logger = pino({ level: 'warn' }, { write: (line: string) => void lines.push(line) });
    await start({ 'cluster.token': 'other' }, logger);
    const complaints = (): string[] => lines.filter((line) => line.includes('cluster.token'));
    await until(() => complaints().length > 0, 'the log names cluster.token', 20_000);
    expect(await write('under-another-token')).toBe(503);
    expect(complaints()).toHaveLength(1);
    await stop();
    await start();
    await until(async () => (await write('after')) === 201, 'writes work again', 20_000);
  }, 60_000);
});
