import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AssignedReplica, ReplicaReport } from '@quorate/shared/runner-protocol';
import { serviceSpecSchema } from '@quorate/shared/services';
import { pino } from 'pino';
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { until } from '../../../testing/until';
import { createSpawner } from '../spawner';
import { createReplicas, type Replicas, type ReplicasOptions } from './replicas';

// Real programs, real files: one agent, or one after the other, over a directory.

const logger = pino({ level: 'silent' });
const QUICK = { firstMs: 200, capMs: 200, stableMs: 60_000 };
const LONG = 20_000;

let dir: string;
/** There is no lease: checks need none. */
const spawner = createSpawner({ leaseEndsAt: () => 0, user: undefined, logger });
afterAll(() => spawner.stop());
let agents: Replicas[] = [];
let reports: ReplicaReport[];
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'replicas-'));
  reports = [];
});
afterEach(async () => {
  await Promise.all(agents.map((agent) => agent.leave()));
  agents = [];
  for (const pid of processesIn(dir)) process.kill(pid, 'SIGKILL');
  rmSync(dir, { recursive: true, force: true, maxRetries: 5 });
});

function agentOf(more: Partial<ReplicasOptions> = {}): Replicas {
  const agent = createReplicas({
    ...{ dir, bootId: 'this-boot', spawner, user: undefined, logger, backoff: QUICK },
    report: async (batch) => void reports.push(...batch),
    ...more,
  });
  agents.push(agent);
  return agent;
}
const leave = async (agent: Replicas): Promise<void> => {
  await agent.leave();
  agents = agents.filter((one) => one !== agent);
};

/** Living processes that work below a directory: what replicas of this test have, whoever started it. */
const processesIn = (place: string): number[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
        return !/\) Z/.test(stat) && readFileSync(`/proc/${pid}/environ`, 'utf8').includes(`TEST_DIR=${place}`);
      } catch {
        return false;
      }
    });

const node = (script: string, more: object = {}) => ({ command: process.execPath, args: ['-e', script], ...more });
const SERVER = "require('http').createServer((q,s)=>s.end('ok')).listen(process.env.PORT)";
const HTTP = { type: 'http', port: 'http', interval_seconds: 1, start_seconds: 20 } as const;
const server = (more: object = {}) => node(SERVER, { ports: ['http'], health: HTTP, ...more });
const sleeper = (more: object = {}) => ({ command: 'sleep', args: ['1000'], ...more });

function replica(spec: object, more: Partial<AssignedReplica> = {}): AssignedReplica {
  const whole = serviceSpecSchema.parse(spec);
  const own = { ...whole, env: { ...whole.env, TEST_DIR: dir } };
  return { service: 'web', slot: 0, generation: 1, revision: 1, spec: own, stop: false, ...more };
}
let index = 0;
const tell = (agent: Replicas, ...replicas: AssignedReplica[]): void => {
  index += 1;
  agent.assign({ owner: 'runner', index, replicas });
};
const last = (slot = 0): ReplicaReport | undefined => reports.findLast((one) => one.slot === slot);
const reported = (state: string, slot = 0): Promise<void> =>
  until(() => last(slot)?.state === state, `the replica is ${state}`, LONG).catch((error: Error) => {
    throw new Error(`${error.message}: ${JSON.stringify(last(slot))}`);
  });
const pidOf = (agent: Replicas): number => agent.running()[0]?.pid ?? 0;

describe('a replica', () => {
  it('starts without a shell, in a clean environment with its ports, and is healthy when it answers', async () => {
    const script = `console.log(JSON.stringify([process.argv.slice(1), process.env])); ${SERVER}`;
    const spec = node(script, { ports: ['http', 'admin'], health: HTTP, env: { A: '1' } });
    const agent = agentOf();
    tell(agent, replica({ ...spec, args: [...spec.args, '$HOME', `$\{PORT_ADMIN}`] }, { slot: 4 }));
    await reported('healthy', 4);
    const [args, env] = JSON.parse(agent.find('web', 4)?.output.tail(0, 10_000) ?? '');
    const { ports } = last(4) as ReplicaReport;
    expect(args).toEqual(['$HOME', String(ports['admin'])]);
    const own = { PORT: String(ports['http']), PORT_HTTP: String(ports['http']), PORT_ADMIN: String(ports['admin']) };
    expect(env).toMatchObject({ A: '1', ...own, QUORATE_SERVICE: 'web', QUORATE_SLOT: '4', QUORATE_GENERATION: '1' });
    const known = ['A', 'PATH', 'PORT', 'PORT_ADMIN', 'PORT_HTTP', 'TEST_DIR'];
    expect(
      Object.keys(env)
        .filter((name) => !name.startsWith('QUORATE_'))
        .sort(),
    ).toEqual(known);
    expect(new Set(Object.values(ports)).size).toBe(2);
    expect(await (await fetch(`http://127.0.0.1:${ports['http']}`)).text()).toBe('ok');
  });

  it('is started again after kill -9, with its port, and says why', async () => {
    const agent = agentOf();
    tell(agent, replica(server()));
    await reported('healthy');
    const { ports } = last() as ReplicaReport;
    const pid = pidOf(agent);
    process.kill(pid, 'SIGKILL');
    await until(() => last()?.state === 'healthy' && last()?.restarts === 1, 'it is healthy again', LONG);
    expect(reports.find(({ state }) => state === 'backing_off')?.reason).toMatch(/^it was ended by SIGKILL/);
    expect(last()?.ports).toEqual(ports);
    expect(pidOf(agent)).not.toBe(pid);
    expect(processesIn(dir)).toEqual([pidOf(agent)]);
  });

  it('takes another port where its own is taken by somebody else', async () => {
    const agent = agentOf();
    tell(agent, replica(server({ health: { type: 'none' } })));
    await reported('healthy');
    const { http = 0 } = (last() as ReplicaReport).ports;
    await leave(agent);
    process.kill(pidOf(agent) || processesIn(dir)[0] || 0, 'SIGKILL');
    await until(() => processesIn(dir).length === 0, 'it is gone');
    // A process that ends lets go of its port a little after it is gone from sight.
    const thief = createServer().on('error', () => undefined);
    await until(() => thief.listening || !thief.listen(http), 'the port is taken');
    try {
      const next = agentOf();
      tell(next, replica(server({ health: HTTP })));
      await until(() => last()?.state === 'healthy' && last()?.ports['http'] !== http, 'it has another port', LONG);
    } finally {
      thief.close();
    }
  });

  it('that cannot start, or ends at once, backs off and says why, with the end of what it wrote', async () => {
    const agent = agentOf();
    tell(
      agent,
      replica({ command: '/nowhere/at-all' }),
      replica(node("console.log('no config'); process.exit(3)"), { slot: 1 }),
    );
    await until(() => (last(0)?.restarts ?? 0) > 2 && (last(1)?.restarts ?? 0) > 2, 'both were tried again', LONG);
    const reasons = (slot: number) =>
      reports.filter((one) => one.slot === slot && one.state === 'backing_off').map(({ reason }) => reason);
    expect(reasons(0)[0]).toMatch(/^\/nowhere\/at-all cannot be started: there is no such program on the runner/);
    expect(reasons(1)[0]).toMatch(/^it ended with exit code 3; it wrote: no config \(failure 1 in a row/);
    expect(reports.filter(({ state }) => state === 'healthy')).toEqual([]);
  });

  it('that is not healthy in time, or not any more, is ended and started again', async () => {
    const agent = agentOf();
    const never = { type: 'tcp', port: 'http', interval_seconds: 1, start_seconds: 1 };
    // Answers until it is told to fail.
    const turns = `require('http').createServer((q,s)=>{ if (q.url==='/fail') global.bad=1; s.statusCode=global.bad?500:200; s.end() }).listen(process.env.PORT)`;
    const health = { ...HTTP, unhealthy_after: 2 };
    tell(
      agent,
      replica(sleeper({ ports: ['http'], health: never })),
      replica(node(turns, { ports: ['http'], health }), { slot: 1 }),
    );
    await reported('healthy', 1);
    await fetch(`http://127.0.0.1:${last(1)?.ports['http']}/fail`);
    await until(() => last(1)?.state === 'healthy' && last(1)?.restarts === 1, 'it was started again', LONG);
    await until(() => (last(0)?.restarts ?? 0) > 0, 'the other as well', LONG);
    expect(reports.find((one) => one.slot === 0 && one.state === 'backing_off')?.reason).toMatch(
      /^not healthy within 1 s: the connection was refused/,
    );
    expect(reports.find((one) => one.slot === 1 && one.state === 'backing_off')?.reason).toMatch(
      /^not healthy any more: the answer was 500/,
    );
  });

  it('is checked by a program of its own, one check at a time', async () => {
    const agent = agentOf();
    const check = `require('fs').appendFileSync('checks', 'a'); setTimeout(() => { require('fs').appendFileSync('checks', 'b'); process.exit(process.env.PORT ? 0 : 1) }, 300)`;
    const health = {
      type: 'exec',
      command: process.execPath,
      args: ['-e', check],
      interval_seconds: 1,
      healthy_after: 3,
    };
    tell(agent, replica(sleeper({ ports: ['http'], health })));
    await reported('healthy');
    expect(readFileSync(join(dir, 'web.0.1', 'work', 'checks'), 'utf8')).toMatch(/^(ab){3,}a?$/);
  });

  it('gets SIGTERM, a grace, and SIGKILL with all that it started; only then its end is told', async () => {
    const agent = agentOf();
    // Neither it nor a child in a session of its own hears of SIGTERM.
    const stubborn = `process.on('SIGTERM', () => console.log('no')); require('child_process').spawn('setsid', ['sleep', '1000'], { stdio: 'ignore' }); setInterval(() => {}, 1000)`;
    const spec = node(stubborn, { stop_grace_seconds: 1 });
    tell(agent, replica(spec));
    await reported('healthy');
    await until(() => processesIn(dir).length === 2, 'its child runs');
    const startedAt = performance.now();
    tell(agent, replica(spec, { stop: true }));
    await reported('stopped');
    expect(performance.now() - startedAt).toBeGreaterThan(950);
    expect(processesIn(dir)).toEqual([]);
    expect(reports.at(-1)).toMatchObject({ state: 'stopped', generation: 1 });
    expect(reports.at(-2)).toMatchObject({ state: 'stopping' });
    expect(existsSync(join(dir, 'web.0.1'))).toBe(false);
  });

  it('that is told to stop and was never here is told to have stopped', async () => {
    const agent = agentOf();
    tell(agent, replica(sleeper(), { stop: true, generation: 7 }));
    await reported('stopped');
    expect(reports).toMatchObject([{ generation: 7, state: 'stopped' }]);
  });

  it('of a new generation starts when nothing is left of the one before', async () => {
    const agent = agentOf();
    // Appends to a file that both would use; dies slowly.
    const script = `const fs = require('fs'), g = process.env.QUORATE_GENERATION, f = '${dir}/order'; fs.appendFileSync(f, 'start' + g + ' '); process.on('SIGTERM', () => setTimeout(() => { fs.appendFileSync(f, 'end' + g + ' '); process.exit() }, 300)); setInterval(() => {}, 1000)`;
    tell(agent, replica(node(script)));
    await until(() => existsSync(`${dir}/order`), 'it runs', LONG);
    tell(agent, replica(node(script), { generation: 2 }));
    tell(agent, replica(node(script), { generation: 3 }));
    await until(() => /start3/.test(readFileSync(`${dir}/order`, 'utf8')), 'the third runs', LONG);
    expect(readFileSync(`${dir}/order`, 'utf8')).toBe('start1 end1 start3 ');
    tell(agent);
    await until(() => processesIn(dir).length === 0, 'what is not assigned is ended', LONG);
    expect(readFileSync(`${dir}/order`, 'utf8')).toBe('start1 end1 start3 end3 ');
  });

  it('that floods its output is bounded, and the end is kept', async () => {
    const agent = agentOf();
    // It goes on only while its file is small: were that never emptied, it would not come to an end. Of what it writes
    // without a pause something is lost, and so may be one line behind it: it says it again and again.
    const flood = `const fs = require('fs'), b = Buffer.alloc(1 << 16, 'x'); let n = 0; (function go() { if (fs.fstatSync(1).size > 64 << 20) return setTimeout(go, 5); for (let i = 0; i < 200; i++) { fs.writeSync(1, b); n++ } if (n < 3200) setImmediate(go); else setInterval(() => console.log('the end'), 50) })()`;
    let largest = 0;
    const size = () =>
      readdirSync(join(dir, 'web.0.1'))
        .map((name) => statSync(join(dir, 'web.0.1', name), { throwIfNoEntry: false })?.size ?? 0)
        .reduce((a, b) => a + b, 0);
    tell(agent, replica(node(flood)));
    const output = () => agent.find('web', 0)?.output;
    await until(
      () => {
        largest = Math.max(largest, size());
        return output()?.tail(0, 8) === 'the end\n';
      },
      'all is written',
      LONG,
    );
    expect(largest).toBeLessThan(150 * 1024 * 1024);
    await until(() => size() < 1.1 * 1024 * 1024, 'the files are small again');
    const { total = 0 } = output() ?? {};
    const kept = output()?.read(0, 1 << 20);
    expect(kept?.offset).toBeGreaterThan(0);
    expect((kept?.offset ?? 0) + (kept?.data.length ?? 0)).toBeLessThanOrEqual(total);
  });

  it('does not care for clocks that jump', async () => {
    const agent = agentOf();
    tell(agent, replica(server()));
    await reported('healthy');
    const count = reports.length;
    const pid = pidOf(agent);
    const real = Date.now;
    const jumped = vi.spyOn(Date, 'now');
    for (const hours of [24, -24, 0]) {
      jumped.mockImplementation(() => real() + hours * 3_600_000);
      const before = performance.now();
      await until(() => performance.now() - before > 1_100, 'a check went by', LONG).catch(() => undefined);
    }
    jumped.mockRestore();
    expect([reports.length, pidOf(agent)]).toEqual([count, pid]);
  });
});

describe('an agent that is started again', () => {
  it('takes over what runs, and counts and reports on', async () => {
    const first = agentOf();
    tell(first, replica(server()));
    await reported('healthy');
    const before = last() as ReplicaReport;
    const pid = pidOf(first);
    await leave(first);
    expect(processesIn(dir)).toEqual([pid]);

    const second = agentOf();
    expect(pidOf(second)).toBe(pid);
    tell(second, replica(server()));
    await until(() => reports.length > 1 && last()?.n === before.n, 'it is told again');
    expect(last()).toEqual(before);
    process.kill(pid, 'SIGKILL');
    await until(() => last()?.state === 'healthy' && last()?.restarts === 1, 'it was started again', LONG);
    expect(reports.find(({ state }) => state === 'backing_off')?.reason).toMatch(/^it ended; nobody knows how/);
    expect(last()?.n).toBeGreaterThan(before.n);
    expect(processesIn(dir)).toHaveLength(1);
  });

  it('starts nothing before a core node has spoken, and believes none that is behind', async () => {
    const first = agentOf();
    tell(first, replica(sleeper()));
    await reported('healthy');
    const pid = pidOf(first);
    await leave(first);
    process.kill(pid, 'SIGKILL');
    await until(() => processesIn(dir).length === 0, 'it is gone');

    const second = agentOf();
    second.assign({ owner: 'runner', index: index - 1, replicas: [replica(sleeper())] });
    await until(() => last()?.reason.includes('has yet to say') === true, 'it waits');
    expect([second.running(), processesIn(dir)]).toEqual([[], []]);
    tell(second, replica(sleeper(), { generation: 2 }));
    await until(() => last()?.generation === 2 && last()?.state === 'healthy', 'it runs', LONG);
    expect(processesIn(dir)).toEqual([pidOf(second)]);
  });

  it('ends what another runner had in its place', async () => {
    const first = agentOf();
    tell(first, replica(sleeper()));
    await reported('healthy');
    const pid = pidOf(first);
    await leave(first);
    const second = agentOf();
    second.assign({ owner: 'another', index: 1, replicas: [replica(sleeper())] });
    await until(() => pidOf(second) !== 0 && pidOf(second) !== pid, 'its own runs', LONG);
    expect(processesIn(dir)).toEqual([pidOf(second)]);
  });

  it('finds a program whose start was not noted any more, and leaves other programs alone', async () => {
    const first = agentOf();
    tell(first, replica(sleeper()));
    await reported('healthy');
    const pid = pidOf(first);
    await leave(first);
    const path = join(dir, 'web.0.1', 'record.json');
    const record = JSON.parse(readFileSync(path, 'utf8'));
    const { writeFileSync } = await import('node:fs');
    writeFileSync(path, JSON.stringify({ ...record, process: { ...record.process, pid: null, startTime: '' } }));
    const second = agentOf();
    expect(pidOf(second)).toBe(pid);
    await leave(second);

    // The pid is another's by now.
    const stranger = spawn('sleep', ['1000'], { detached: true });
    try {
      writeFileSync(path, JSON.stringify({ ...record, process: { ...record.process, pid: stranger.pid } }));
      const third = agentOf();
      tell(third, replica(sleeper()));
      await until(() => pidOf(third) !== 0, 'it was started anew', LONG);
      expect(pidOf(third)).not.toBe(stranger.pid);
      tell(third);
      await until(() => third.running().length === 0, 'it is ended', LONG);
      expect(stranger.exitCode === null && stranger.signalCode === null).toBe(true);
    } finally {
      stranger.kill('SIGKILL');
    }
  });
});

describe('reports', () => {
  it('are sent again until a core has them, the newest of each, few at a time', async () => {
    let refused = 0;
    const batches: number[] = [];
    const agent = agentOf({
      async report(batch) {
        if (refused < 2) {
          refused += 1;
          throw new Error('no quorum');
        }
        batches.push(performance.now());
        reports.push(...batch);
      },
    });
    tell(agent, ...Array.from({ length: 5 }, (_, slot) => replica(sleeper(), { slot })));
    await until(() => [0, 1, 2, 3, 4].every((slot) => last(slot)?.state === 'healthy'), 'all are told', LONG);
    expect(batches.length).toBeLessThanOrEqual(3);
    expect(reports.length).toBeLessThanOrEqual(10);
  });
});
