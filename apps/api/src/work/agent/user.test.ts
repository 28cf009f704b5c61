import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { serviceSpecSchema } from '@quorate/shared/services';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { uuidv7 } from '../../lib/ids';
import { silentLogger } from '../../lib/logger';
import { type ProgramUser, programUser, UserError } from '../../lib/program-user';
import { until } from '../../testing/until';
import { createJobStore } from './job-run';
import { createReplicas } from './replicas/replicas';
import { createSpawner } from './spawner';

const isRoot = process.getuid?.() === 0;
const logger = silentLogger();
const undo: (() => unknown)[] = [];
/** Closed to everybody else, as a data directory is. */
let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'quorate-user-'));
  undo.push(() => rmSync(dir, { recursive: true, force: true }));
});
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

/** Elsewhere than as root there is one clear error instead, and nothing more to be tested. */
async function nobody(): Promise<ProgramUser | undefined> {
  if (!isRoot) {
    await expect(programUser('nobody', 'workers.user')).rejects.toThrow(
      'workers.user: only root can run programs as nobody; run quorated as root, or leave workers.user out',
    );
    return undefined;
  }
  // What this process may do beyond its user must not reach programs.
  process.setgroups?.([4, 24]);
  return programUser('nobody', 'workers.user');
}

it('a user is known by name and group, or there is a clear error', async () => {
  expect(await programUser('', 'workers.user')).toBeUndefined();
  const refused = (text: string) => programUser(text, 'workers.user').catch((error: unknown) => error);
  for (const [text, why] of [
    ['no-such-user', 'workers.user: there is no user no-such-user on this host; create it, or name another'],
    ['nobody:no-such-group', 'workers.user: there is no group no-such-group on this host; create it, or name another'],
    ['-u', 'workers.user: expected NAME or NAME:GROUP, got "-u"'],
  ] as const) {
    const error = await refused(text);
    expect(error).toBeInstanceOf(UserError);
    expect(String(error)).toBe(`UserError: ${why}`);
  }
  const user = await nobody();
  if (!user) return;
  expect(user).toEqual({ uid: 65534, gid: 65534 });
  expect(await programUser('nobody:daemon', 'workers.user')).toEqual({ uid: 65534, gid: 1 });
});

it('a job runs as that user: no further groups, its own directory, and nothing of ours', async () => {
  const user = await nobody();
  if (!user) return;
  const spawner = createSpawner({ leaseEndsAt: () => performance.now() + 3_600_000, user, logger });
  undo.push(() => spawner.stop());
  const store = createJobStore({ dir, spawner, user, logger });
  const script = [
    'id -u; id -G; umask; echo made > made && stat -c %U:%a made',
    `ls ${dir} 2>/dev/null || echo closed; kill -0 ${process.pid} 2>/dev/null || echo no signals`,
  ].join('; ');
  const spec = { kind: 'exec' as const, command: 'sh', args: ['-c', script], env: {}, stdin: '', labels: {} };
  const { end } = await store.start({ id: uuidv7(), attempt: 1 }, { ...spec, timeout_seconds: 60 }).ended;
  expect(end).toMatchObject({ outcome: 'succeeded', error: '' });
  expect(end.outputTail.trim().split('\n')).toEqual([
    ...['65534', '65534', '0027', 'nobody:640', 'closed', 'no signals'],
  ]);
});

it('what a job leaves is removed with the rights of that user, so that no link leads further', async () => {
  const user = await nobody();
  if (!user) return;
  const spawner = createSpawner({ leaseEndsAt: () => performance.now() + 3_600_000, user, logger });
  undo.push(() => spawner.stop());
  const store = createJobStore({ dir, spawner, user, logger });
  const ours = join(dir, 'ours');
  mkdirSync(ours);
  writeFileSync(join(ours, 'kept'), '');
  const script = [
    `mkdir -p open/deep shut && touch open/deep/file shut/file .hidden && chmod 500 shut && ln -s ${ours} link`,
    `ln -s ${ours} open/link; touch ready; while [ ! -e go ]; do sleep 0.05; done`,
  ].join('; ');
  const spec = { kind: 'exec' as const, command: 'sh', args: ['-c', script], env: {}, stdin: '', labels: {} };
  const start = () => store.start({ id: uuidv7(), attempt: 1 }, { ...spec, timeout_seconds: 60 });
  const works = join(dir, 'work');

  const run = start();
  const [name = ''] = readdirSync(works);
  await until(() => existsSync(join(works, name, 'ready')), 'it has made them', 20_000);
  // Where a link would lead in the wrong moment: that user may not remove it.
  mkdirSync(join(works, name, 'open/as-if-linked'), { mode: 0o755 });
  writeFileSync(join(works, name, 'open/as-if-linked/kept'), '');
  writeFileSync(join(works, name, 'go'), '');
  expect((await run.ended).end).toMatchObject({ outcome: 'succeeded' });
  await until(() => !existsSync(join(works, name, 'shut')), 'it is removed', 20_000);
  expect(readdirSync(ours)).toEqual(['kept']);
  expect(readdirSync(join(works, name, 'open/as-if-linked'))).toEqual(['kept']);

  const next = start();
  await until(() => readdirSync(works).length === 2, 'the next one begins', 20_000);
  const second = readdirSync(works).find((one) => one !== name) ?? '';
  await until(() => existsSync(join(works, second, 'ready')), 'it has made them, too', 20_000);
  writeFileSync(join(works, second, 'go'), '');
  await next.ended;
  await until(() => !existsSync(join(works, second)), 'nothing is left of it', 20_000);
  expect(readdirSync(ours)).toEqual(['kept']);
});

it('a replica and its check run as that user, and it may open its output again', async () => {
  const user = await nobody();
  if (!user) return;
  const states: string[] = [];
  const spawner = createSpawner({ leaseEndsAt: () => 0, user, logger });
  undo.push(() => spawner.stop());
  const replicas = createReplicas({
    ...{ dir: join(dir, 'replicas'), bootId: 'here', spawner, user, logger },
    async report(reports) {
      states.push(...reports.map(({ state, reason }) => `${state} ${reason}`.trim()));
    },
  });
  undo.push(() => replicas.stopAll());
  const check = 'test $(id -u) = 65534 && test "$(id -G)" = 65534 && test -O . && test -e ready';
  const spec = serviceSpecSchema.parse({
    ...{
      command: 'sh',
      args: ['-c', 'id -u > /dev/stdout; umask; touch ready; exec sleep 600'],
      stop_grace_seconds: 1,
    },
    health: { type: 'exec', command: 'sh', args: ['-c', check], interval_seconds: 1, timeout_seconds: 30 },
  });
  const assigned = { service: 'web', slot: 0, generation: 1, revision: 1, stop: false, spec };
  replicas.assign({ owner: 'me', index: 1, replicas: [assigned] });
  await until(() => states.includes('healthy'), 'it is healthy', 30_000);
  const output = replicas.find('web', 0)?.output.read(0, 100).data.toString();
  expect(output).toBe('65534\n0027\n');
  const [name = ''] = readdirSync(join(dir, 'replicas')).filter((one) => one.startsWith('web.'));
  expect(statSync(join(dir, 'replicas', name, 'work')).uid).toBe(user.uid);
  replicas.assign({ owner: 'me', index: 2, replicas: [{ ...assigned, stop: true }] });
  await until(() => states.includes('stopped'), 'it has ended', 30_000);
  expect(existsSync(join(dir, 'replicas', name))).toBe(false);
});
