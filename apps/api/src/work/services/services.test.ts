import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type ApiNode, startApiNode } from '../../testing/api-node';
import { until } from '../../testing/until';

// Some tests roll several replicas, one after the other.
vi.setConfig({ testTimeout: 180_000 });

let api: ApiNode;
let admin: string;
beforeAll(async () => {
  api = await startApiNode({ settings: { 'workers.concurrency': '8' } });
  admin = await api.setUp();
});
afterAll(() => api?.stop());

const call = (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) =>
  api.call(method, `/v1/services${path}`, { token: admin, body, headers });
const sleeper = { command: 'sleep', args: ['1000'], stop_grace_seconds: 1, max_unavailable: 3 };
const create = (name: string, replicas: number, spec: object = sleeper, more: object = {}) =>
  call('POST', '', { name, replicas, spec, ...more });
const look = async (name: string) => (await call('GET', `/${name}`)).body;
const events = async (type: string) =>
  (await api.call('GET', `/v1/events?type=${type}`, { token: admin })).body.items as { message: string }[];
const becomes = (name: string, what: string, holds: (service: Awaited<ReturnType<typeof look>>) => boolean) =>
  until(async () => holds(await look(name)), `${name} ${what}`, 60_000).then(() => look(name));
const healthy = (name: string, count: number) =>
  becomes(
    name,
    `has ${count} healthy replicas`,
    ({ replicas, instances, rollout }) =>
      replicas.healthy === count && instances.length === count && rollout.state !== 'running',
  );
type Instance = { slot: number; generation: number; state: string; reason: string; revision: number };

describe('a service', () => {
  it('is refused with what is wrong, and is found by its name', async () => {
    const wrong = await create('Web', -1, { command: '', health: { type: 'tcp', port: 'http' }, publish: 'http' });
    expect(wrong.status).toBe(422);
    expect(wrong.body.errors.map(({ pointer }: { pointer: string }) => pointer).sort()).toEqual(
      expect.arrayContaining(['/name', '/replicas', '/spec/command']),
    );
    const port = await create('web', 1, { command: 'x', health: { type: 'tcp', port: 'http' }, publish: 'http' });
    expect(port.body.errors.map(({ pointer }: { pointer: string }) => pointer)).toEqual([
      '/spec/health/port',
      '/spec/publish',
    ]);
    for (const [method, path, body] of [
      ['GET', '/nope', undefined],
      ['PUT', '/nope', { spec: sleeper, system: false }],
      ['PUT', '/nope/scale', { replicas: 1 }],
      ['PUT', '/nope/autoscaling', { enabled: false }],
      ['DELETE', '/nope', undefined],
      ['POST', '/restart', { services: ['nope'] }],
    ] as const) {
      expect((await call(method, path, body)).body, `${method} ${path}`).toMatchObject({
        status: 404,
        code: 'not_found',
        detail: expect.stringContaining('nope'),
      });
    }
  });

  it('runs, scales up, beyond what there is room for, and down, and ends', async () => {
    expect((await create('web', 2)).status).toBe(201);
    expect((await create('web', 2)).body).toMatchObject({ code: 'name_taken' });
    const [first] = (await healthy('web', 2)).instances;
    const onRunner = async (id: string) =>
      (await call('GET', `?runner_id=${id}`)).body.items.map(({ name }: { name: string }) => name);
    expect(await onRunner(first.runner_id)).toEqual(['web']);
    expect(await onRunner('00000000-0000-4000-8000-000000000000')).toEqual([]);
    expect((await call('PUT', '/web/scale', { replicas: 10 })).status).toBe(200);
    const full = await becomes('web', 'is full', ({ replicas }) => replicas.healthy === 8);
    expect(full.replicas).toEqual({ desired: 10, placed: 8, healthy: 8 });
    const waiting = () =>
      look('web').then(({ instances }) => instances.filter((one: Instance) => one.state === 'pending'));
    await until(async () => (await waiting()).every((one: Instance) => /is full/.test(one.reason)), 'they say why');
    expect(await waiting()).toHaveLength(2);
    await call('PUT', '/web/scale', { replicas: 1 });
    const one = await becomes('web', 'has one', ({ instances }) => instances.length === 1);
    expect(one.instances[0]).toMatchObject({ slot: 0, state: 'healthy', restarts: 0 });
    expect((await call('DELETE', '/web')).status).toBe(204);
    expect((await call('GET', '/web')).status).toBe(404);
    // The name is free at once; the slot when the replica before has ended.
    expect((await create('web', 1)).status).toBe(201);
    const again = await healthy('web', 1);
    expect(again.instances[0].generation).toBeGreaterThan(one.instances[0].generation);
  });

  it('is restarted, each replica once, and updated, by whoever saw the last version', async () => {
    await create('app', 2);
    const before = await healthy('app', 2);
    expect((await call('POST', '/restart', { services: ['app'] })).body).toEqual({ services: ['app'] });
    const generations = (service: { instances: Instance[] }) => service.instances.map(({ generation }) => generation);
    const restarted = await becomes(
      'app',
      'was restarted',
      (now) => now.replicas.healthy === 2 && generations(now).every((n, slot) => n > (generations(before)[slot] ?? 0)),
    );
    const etag = (await call('GET', '/app')).headers.get('etag') ?? '';
    const next = { spec: { ...sleeper, env: { A: '1' } }, system: false };
    expect((await call('PUT', '/app', next, { 'if-match': etag })).body).toMatchObject({ revision: 2 });
    expect((await call('PUT', '/app', next, { 'if-match': etag })).body).toMatchObject({ code: 'precondition_failed' });
    const updated = await becomes(
      'app',
      'has revision 2',
      ({ rollout }) => rollout.state === 'idle' && rollout.updated === 2,
    );
    expect(updated.instances.map(({ revision }: Instance) => revision)).toEqual([2, 2]);
    expect(Math.min(...generations(updated))).toBeGreaterThan(Math.max(...generations(restarted)));
    expect((await call('GET', '/app/revisions')).body.items).toMatchObject([{ revision: 2 }, { revision: 1 }]);
  });

  it('is restarted by a job, which ends when all are well again', async () => {
    const before: Instance[] = (await look('app')).instances;
    const submit = async (service: string) => {
      const spec = { kind: 'service.restart', services: [service] };
      const { id } = (await api.call('POST', '/v1/jobs', { token: admin, body: { spec } })).body;
      const now = async () => (await api.call('GET', `/v1/jobs/${id}`, { token: admin })).body;
      await until(async () => (await now()).finished_at !== null, `the restart of ${service} is over`, 60_000);
      return now();
    };
    expect(await submit('app')).toMatchObject({ state: 'succeeded', output_tail: 'app has restarted\n' });
    const after = await look('app');
    expect(after.replicas.healthy).toBe(before.length);
    for (const { slot, generation } of before) {
      expect(after.instances.find((one: Instance) => one.slot === slot).generation).toBeGreaterThan(generation);
    }
    const failed = (await submit('nope')).attempts[0];
    expect(failed).toMatchObject({ outcome: 'failed', error: expect.stringContaining('nope') });
  });

  it('goes back to the revision before when the new one is not healthy', async () => {
    const careful = { ...sleeper, max_unavailable: 1 };
    await create('api', 3, careful);
    await healthy('api', 3);
    await call('PUT', '/api', { spec: { ...careful, command: 'false', args: [] }, system: false });
    const back = await becomes(
      'api',
      'was rolled back',
      ({ rollout }) => rollout.state === 'rolled_back' && rollout.updated === 3,
    );
    expect(back).toMatchObject({
      revision: 1,
      rollout: { detail: expect.stringMatching(/^revision 2 failed .* replica 0/) },
    });
    // The others were left alone.
    expect(back.instances.filter(({ restarts }: { restarts: number }) => restarts === 0)).toHaveLength(3);
    expect((await events('service.rolled_back')).map(({ message }) => message)).toEqual([
      expect.stringMatching(/^the service api: revision 2 failed and was rolled back to revision 1: /),
    ]);
    expect((await call('GET', '/api/revisions')).body.items[0]).toMatchObject({
      revision: 2,
      failure: expect.stringMatching(/does not stay up|is not healthy/),
    });
    await call('DELETE', '/api');
  });

  it('is not scaled by hand while it scales itself', async () => {
    await create('auto', 1);
    const auto = (body: object) => call('PUT', '/auto/autoscaling', body);
    expect((await auto({ enabled: true, target_cpu_percent: 50 })).body.errors).toHaveLength(2);
    const on = { enabled: true, min: 2, max: 3, target_cpu_percent: 50 };
    expect((await auto(on)).body).toMatchObject({ replicas: { desired: 2 }, autoscaling: on });
    expect((await call('PUT', '/auto/scale', { replicas: 1 })).body).toMatchObject({ code: 'autoscaling_enabled' });
    const all = await call('PUT', '/scale', { replicas: 1 });
    expect(all.body).toMatchObject({
      status: 409,
      code: 'autoscaling_enabled',
      detail: expect.stringContaining('auto'),
    });
    await auto({ enabled: false });
    expect((await call('PUT', '/scale', { replicas: 1 })).body.services).toEqual(
      expect.arrayContaining(['app', 'auto', 'web']),
    );
    for (const name of ['app', 'auto', 'web']) await healthy(name, 1);
  });
});
