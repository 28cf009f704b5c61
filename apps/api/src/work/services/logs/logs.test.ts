import { afterAll, beforeAll, expect, it } from 'vitest';
import { type ApiNode, startApiNode } from '../../../testing/api-node';
import { until } from '../../../testing/until';

let api: ApiNode;
let token: string;
beforeAll(async () => {
  api = await startApiNode();
  token = await api.setUp();
});
afterAll(async () => {
  await api?.call('DELETE', '/v1/services/web', { token });
  const gone = async () => (await api.call('GET', '/v1/runners', { token })).body.items[0].replicas === 0;
  await until(gone, 'nothing is left', 45_000).finally(() => api?.stop());
}, 60_000);

const LOGS = '/v1/services/web/replicas/0/logs';

it('streams what a replica writes, from where the reader was, and over a restart', async () => {
  const script = "console.log('hello'); setInterval(() => console.log('tick'), 200)";
  const spec = { command: process.execPath, args: ['-e', script], stop_grace_seconds: 1 };
  const made = await api.call('POST', '/v1/services', { token, body: { name: 'web', spec } });
  expect(made.status, made.text).toBe(201);
  const isHealthy = async () => (await api.call('GET', '/v1/services/web', { token })).body.replicas.healthy === 1;
  await until(isHealthy, 'it is healthy', 45_000);
  const asItIs = await api.call('GET', LOGS, { token });
  expect(asItIs).toMatchObject({ status: 200, text: expect.stringMatching(/^hello\n(tick\n)*$/) });

  const seen = await readUntil({}, ({ text }) => text.includes('tick'));
  expect(seen.text).toMatch(/^hello\ntick\n/);
  expect(seen.events[0]).toMatchObject({ name: 'replica', data: { state: 'healthy' } });
  const id = seen.events.findLast((event) => event.name === 'output')?.id ?? '';
  const further = await readUntil({ 'last-event-id': id }, ({ text }) => text.includes('tick'));
  expect(further.text).toMatch(/^(tick\n)+$/);
  // Its next generation begins anew.
  const restarted = readUntil({ 'last-event-id': id }, ({ text }) => text.includes('hello'));
  await api.call('POST', '/v1/services/restart', { token, body: { services: ['web'] } });
  expect((await restarted).events.filter(({ name }) => name === 'replica').length).toBeGreaterThan(1);
}, 90_000);

it('knows which replicas there are', async () => {
  expect(await api.call('GET', '/v1/services/web/replicas/7/logs', { token })).toMatchObject({ status: 404 });
  expect(await api.call('GET', '/v1/services/nobody/replicas/0/logs', { token })).toMatchObject({ status: 404 });
});

interface Seen {
  readonly events: { readonly id: string; readonly name: string; readonly data: Record<string, unknown> }[];
  readonly text: string;
}

/** Reads the stream until `isEnough`. */
async function readUntil(headers: Record<string, string>, isEnough: (seen: Seen) => boolean): Promise<Seen> {
  const cut = new AbortController();
  const signal = AbortSignal.any([cut.signal, AbortSignal.timeout(45_000)]);
  const all = { authorization: `Bearer ${token}`, ...headers };
  const response = await fetch(`${api.url}${LOGS}?follow=true`, { headers: all, signal });
  let raw = '';
  for await (const chunk of response.body ?? []) {
    raw += Buffer.from(chunk).toString('utf8');
    if (isEnough(parse(raw))) break;
  }
  cut.abort();
  return parse(raw);
}

function parse(raw: string): Seen {
  const blocks = raw.split('\n\n').slice(0, -1);
  const events = blocks.flatMap((block) => {
    const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1] ?? '';
    return field('event') === '' ? [] : [{ id: field('id'), name: field('event'), data: JSON.parse(field('data')) }];
  });
  const text = events.flatMap(({ name, data }) => (name === 'output' ? [String(data['text'])] : [])).join('');
  return { events, text };
}
