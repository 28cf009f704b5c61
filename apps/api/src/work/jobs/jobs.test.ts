import type { Job } from '@quorate/shared/jobs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ApiNode, startApiNode } from '../../testing/api-node';
import { until } from '../../testing/until';

let api: ApiNode;
let admin: string;
beforeAll(async () => {
  api = await startApiNode();
  admin = await api.setUp();
});
afterAll(() => api?.stop());

const exec = (command: string, args: string[] = [], more: object = {}) => ({
  spec: { kind: 'exec', command, args, ...more },
});
const node = (script: string, more: object = {}) => exec(process.execPath, ['-e', script], more);

async function submit(body: object) {
  const answer = await api.call('POST', '/v1/jobs', { token: admin, body });
  expect(answer.status, answer.text).toBe(202);
  return answer.body.id as string;
}
const look = async (id: string) => (await api.call('GET', `/v1/jobs/${id}`, { token: admin })).body;
const inState = (id: string, ...states: string[]) =>
  until(async () => states.includes((await look(id)).state), `the job is ${states.join(' or ')}`).then(() => look(id));
const finished = (id: string) => inState(id, 'succeeded', 'failed', 'cancelled');

describe('a job', () => {
  it('runs a program without a shell, in a clean environment, with its input', async () => {
    const script =
      "process.stdin.on('data', d => console.log(JSON.stringify([String(d), process.argv.slice(1), process.env])))";
    const id = await submit({
      spec: { kind: 'exec', command: process.execPath, args: ['-e', script, '$HOME'], env: { A: '1' }, stdin: 'hello' },
    });
    const job = await finished(id);
    expect(job).toMatchObject({ state: 'succeeded', attempts: [{ attempt: 1, outcome: 'succeeded', exit_code: 0 }] });
    const [input, args, env] = JSON.parse(job.output_tail);
    expect([input, args]).toEqual(['hello', ['$HOME']]);
    expect(Object.keys(env).sort()).toEqual(['A', 'PATH', 'QUORATE_INSTANCE']);
  });

  it('tells the exit code, a program that is not there, and a time that is over', async () => {
    expect(await finished(await submit(node('process.exit(3)')))).toMatchObject({
      state: 'failed',
      attempts: [{ outcome: 'failed', exit_code: 3 }],
    });
    expect(await finished(await submit(exec('/nowhere/at-all')))).toMatchObject({
      attempts: [{ outcome: 'failed', exit_code: null, error: expect.stringMatching(/there is no such program/) }],
    });
    const late = await finished(await submit(exec('sleep', ['60'], { timeout_seconds: 1 })));
    expect(late).toMatchObject({ attempts: [{ outcome: 'timed_out', error: 'it ran longer than 1 s' }] });
  });

  it('is told of in one sentence when it failed for good, without what may be secret', async () => {
    const secret = { env: { KEY: 'hush-env' }, stdin: 'hush-stdin' };
    const script = 'process.exit(3) // hush-args';
    const id = await submit({ ...node(script, secret), retry: { max_attempts: 2, backoff_seconds: 0 } });
    await finished(id);
    const none = await submit(exec('/nowhere/at-all'));
    await finished(none);
    const { items } = (await api.call('GET', '/v1/events?type=job.failed', { token: admin })).body;
    const said = (of: string) => items.find(({ data }: { data: { job: string } }) => data.job === of)?.message;
    const runner = (await api.call('GET', '/v1/runners', { token: admin })).body.items[0].name;
    expect(said(id)).toBe(`job ${id} (exec ${process.execPath}) failed on ${runner} after 2 attempts: exit code 3`);
    expect(said(none)).toMatch(/ \(exec \/nowhere\/at-all\) failed on .* after 1 attempt: .*there is no such program/);
    expect(JSON.stringify(items)).not.toContain('hush');
  });

  it('is tried again as often as it may, and by hand', async () => {
    const id = await submit({ ...node('process.exit(1)'), retry: { max_attempts: 3, backoff_seconds: 0 } });
    expect((await finished(id)).attempts.map(({ outcome }: { outcome: string }) => outcome)).toEqual(
      Array.from({ length: 3 }, () => 'failed'),
    );
    await api.call('POST', `/v1/jobs/${id}/retry`, { token: admin });
    await until(async () => (await look(id)).attempts.length === 6, 'three further attempts');
    expect((await finished(id)).state).toBe('failed');
  });

  it('is cancelled with everything that it started', async () => {
    const script =
      "require('child_process').spawn('sleep', ['1000'], { stdio: 'inherit' }).on('spawn', () => console.log('up')); setInterval(() => {}, 1000)";
    const id = await submit(node(script));
    await inState(id, 'running');
    const runner = (await api.call('GET', '/v1/runners', { token: admin })).body.items[0].id;
    const onRunner = async () =>
      (await api.call('GET', `/v1/jobs?runner_id=${runner}`, { token: admin })).body.items.map((job: Job) => job.id);
    expect(await onRunner()).toEqual([id]);
    await api.call('POST', `/v1/jobs/${id}/cancel`, { token: admin });
    expect(await finished(id)).toMatchObject({ state: 'cancelled', attempts: [{ outcome: 'cancelled' }] });
    expect(await onRunner()).toEqual([]);
    const waiting = await submit({ ...exec('true'), spec: { kind: 'exec', command: 'true', labels: { gpu: 'yes' } } });
    expect((await look(waiting)).waiting_for).toBe('no runner has the labels gpu=yes');
    await api.call('POST', `/v1/jobs/${waiting}/cancel`, { token: admin });
    expect((await look(waiting)).state).toBe('cancelled');
    expect((await api.call('POST', `/v1/jobs/${waiting}/cancel`, { token: admin })).status).toBe(202);
  });

  it('may write without end: its beginning and its end are kept', async () => {
    const script =
      "console.log('first'); const s = 'x'.repeat(65536); let n = 0; (function w() { if (n++ > 200) return console.log('last'); process.stdout.write(s, w) })()";
    const job = await finished(await submit(node(script)));
    expect(job.output_tail.length).toBeLessThanOrEqual(16_384);
    expect(job.output_tail.endsWith('last\n')).toBe(true);
  });

  it('goes by priority while all is full', async () => {
    const blockers = [await submit(exec('sleep', ['100'])), await submit(exec('sleep', ['100']))];
    for (const id of blockers) await inState(id, 'running');
    const low = await submit({ ...exec('true'), priority: -5 });
    const high = await submit({ ...exec('true'), priority: 5 });
    expect((await look(low)).waiting_for).toBe('every runner is full');
    for (const id of blockers) await api.call('POST', `/v1/jobs/${id}/cancel`, { token: admin });
    const [first, second] = [await finished(high), await finished(low)];
    expect(Date.parse(first.attempts[0].assigned_at)).toBeLessThanOrEqual(Date.parse(second.attempts[0].assigned_at));
  });
});
