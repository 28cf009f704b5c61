import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { healthRoutes } from '@quorate/shared/health';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { openAgent } from './agent-client';
import { addressArgs, createTestHost, mint, type TestHost, type TestNode, until } from './testing';

// Several real nodes with their etcd on one machine: a busy one gets its time.
vi.setConfig({ testTimeout: 90_000, hookTimeout: 60_000 });

let host: TestHost;
let first: TestNode;
beforeAll(async () => {
  host = createTestHost();
  first = await host.serve('first');
});
afterAll(() => host.close());

const isRoot = process.getuid?.() === 0;

/**
 * Where systemd itself does not run, as in a container, this stands in for systemctl: it says what a loaded unit
 * says, notes what it is told, and starts and stops the real daemon.
 */
function standIn(config: string, daemon: string): { path: string; calls: () => string[] } {
  const bin = join(host.dir, 'bin');
  mkdirSync(bin);
  const file = join(bin, 'systemctl');
  const script = `#!/bin/sh
cd "${host.dir}"
if [ "$1" = show ]; then
  state=inactive; [ -e unit.pid ] && kill -0 "$(cat unit.pid)" 2>/dev/null && state=active
  printf 'LoadState=loaded\\nActiveState=%s\\nNRestarts=0\\nExecMainStatus=0\\nUser=${isRoot ? 'nobody' : ''}\\n' $state
  printf 'ExecStart={ path=/usr/bin/quorated ; argv[]=/usr/bin/quorated serve --config ${config} ; ignore_errors=no ; }\\n'
  exit 0
fi
echo "$*" >> calls
if [ "$1" = stop ] || [ "$1" = restart ]; then
  [ -e unit.pid ] && kill "$(cat unit.pid)" && while kill -0 "$(cat unit.pid)" 2>/dev/null; do sleep 0.05; done
fi
if [ "$1" = start ] || [ "$1" = restart ]; then
  "${process.execPath}" "${daemon}" serve --config "${config}" > unit.log 2>&1 < /dev/null &
  echo $! > unit.pid
fi
true
`;
  writeFileSync(file, script);
  chmodSync(file, 0o755);
  const calls = (): string[] => readFileSync(join(host.dir, 'calls'), 'utf8').trim().split('\n');
  return { path: `${bin}:${process.env['PATH'] ?? ''}`, calls };
}

describe('quorated join, where the systemd unit runs the node', () => {
  let args: readonly string[];
  let env: Record<string, string>;
  let config: string;
  let dataDir: string;
  let calls: () => string[];
  let minted: Awaited<ReturnType<typeof mint>>;

  beforeAll(async () => {
    config = join(host.dir, 'unit.yaml');
    dataDir = join(host.dir, 'unit');
    const daemon = process.env['QUORATED'] ?? fileURLToPath(new URL('../../dist/quorated.js', import.meta.url));
    const systemctl = standIn(config, daemon);
    calls = systemctl.calls;
    env = { PATH: systemctl.path };
    const address = host.address();
    writeFileSync(config, `data_dir: ${dataDir}\nnode: { name: unit }\napi: { address: '${address}:8440' }\n`);
    args = ['--config', config, ...addressArgs(address)];
    minted = await mint(first.dataDir);
  });

  it('leaves a unit that runs as it was when the join is refused', async () => {
    execFileSync('systemctl', ['start', 'quorated'], { env });
    const own = openAgent(dataDir);
    const answers = () => own.client.call(healthRoutes.live, {}).then(Boolean, () => false);
    await until('the unit runs', answers);
    const wrong = `${first.address}:7000/${minted.token}/${'0'.repeat(64)}`;
    const { code, stderr } = await host.quorated(['join', wrong, ...args], { env });
    expect(stderr).toMatch(/does not show the expected CA/);
    expect(code).toBe(1);
    expect(calls()).toEqual(['start quorated', 'stop quorated', 'start quorated']);
    expect(readFileSync(config, 'utf8')).not.toContain('join');
    await until('the unit runs again', answers);
    await own.close();
  });

  it('replaces a node that was never set up, restarts the unit and follows it until it is a voter', async () => {
    const { code, stderr } = await host.quorated(['join', minted.join_string, ...args], { env });
    expect(stderr).toMatch(/moved .*unit\/state\.db to [\s\S]*certificate issued[\s\S]*quorated was restarted/);
    expect(stderr).toMatch(/node 2 is a voter; the systemd unit quorated runs it\n$/);
    expect(code).toBe(0);
    expect(calls().slice(3)).toEqual(['stop quorated', 'restart quorated']);
    expect(existsSync(join(dataDir, 'join-token'))).toBe(false);
    // What join did as root belongs to the user of the unit.
    const nobody = Number(execFileSync('id', ['-u', isRoot ? 'nobody' : String(process.getuid?.())]));
    for (const name of ['', 'pki/node.key', 'lock']) {
      expect([name, statSync(join(dataDir, name)).uid]).toEqual([name, nobody]);
    }
  });

  it('is a member already when it is run again', async () => {
    const { code, stderr } = await host.quorated(['join', minted.join_string, ...args], { env });
    expect(stderr).toMatch(/before, as node 2[\s\S]*node 2 is a voter/);
    expect(code).toBe(0);
  });

  it('does not touch a unit that uses another configuration', async () => {
    const other = ['--config', join(host.dir, 'other.yaml'), '--data-dir', join(host.dir, 'other'), '--name', 'other'];
    const next = await mint(first.dataDir);
    const before = calls();
    const running = host.start(['join', next.join_string, ...other, ...addressArgs(host.address())], { env });
    await running.says(/node 3 is a voter; it goes on running here/);
    expect(running.output()).not.toContain('systemd unit');
    expect(calls()).toEqual(before);
  });
});
