import { afterAll, beforeAll, expect, it } from 'vitest';
import { type ApiNode, startApiNode } from '../../testing/api-node';
import { until } from '../../testing/until';

let api: ApiNode;
let token: string;
beforeAll(async () => {
  api = await startApiNode();
  token = await api.setUp();
});
afterAll(() => api?.stop());

const ask = async (method: string, path: string, body?: unknown) => {
  const answer = await api.call(method, path, { token, body });
  expect(answer.status, answer.text).toBeLessThan(300);
  return answer.body;
};
const decisions = async () => (await ask('GET', '/v1/services/web/autoscaling/decisions')).items;

it('scales a service by the jobs that wait, says why, and what it would do beyond the limit', async () => {
  // Nobody has these labels: neither does anything start nor do the jobs go away.
  const labels = { pool: 'none' };
  await ask('POST', '/v1/services', { name: 'web', spec: { command: 'sleep', args: ['1000'], labels } });
  const spec = { kind: 'exec', command: 'true', labels: { pool: 'none' } };
  for (let n = 0; n < 7; n += 1) await ask('POST', '/v1/jobs', { spec });
  const other = { ...spec, labels: { pool: 'other' } };
  for (let n = 0; n < 3; n += 1) await ask('POST', '/v1/jobs', { spec: other });
  const settings = { enabled: true, min: 1, max: 3, target_queue_length: 2, queue_labels: labels };
  await ask('PUT', '/v1/services/web/autoscaling', settings);
  await until(async () => (await decisions()).length > 0, 'it has decided', 20_000);
  const reason = '7 jobs are queued, the target is 2: 3 are needed';
  expect((await decisions()).at(-1)).toMatchObject({ from: 1, to: 3, metric: 'queue', value: 7, target: 2, reason });
  expect((await ask('GET', '/v1/services/web')).replicas.desired).toBe(3);

  await ask('PUT', '/v1/services/web/autoscaling', { ...settings, max: 4, target_queue_length: 1 });
  await until(async () => (await decisions()).length > 2, 'it has come to the limit', 20_000);
  expect((await decisions())[0]).toMatchObject({ from: 4, to: 4, reason: expect.stringMatching(/7 would be right/) });
  expect(await api.call('GET', '/v1/services/nobody/autoscaling/decisions', { token })).toMatchObject({ status: 404 });
});
