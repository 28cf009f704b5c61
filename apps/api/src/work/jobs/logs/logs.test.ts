import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ApiNode, startApiNode } from '../../../testing/api-node';
import { until } from '../../../testing/until';
import { readLog, textOf } from './testing';

let api: ApiNode;
let token: string;
beforeAll(async () => {
  api = await startApiNode();
  token = await api.setUp();
});
afterAll(() => api?.stop());

async function submit(script: string, more: object = {}): Promise<string> {
  const spec = { kind: 'exec', command: process.execPath, args: ['-e', script], ...more };
  const answer = await api.call('POST', '/v1/jobs', { token, body: { spec } });
  expect(answer.status, answer.text).toBe(202);
  return answer.body.id;
}
const logsOf = (id: string, query = 'follow=true') => `${api.url}/v1/jobs/${id}/logs?${query}`;
const look = async (id: string) => (await api.call('GET', `/v1/jobs/${id}`, { token })).body;
const ended = (id: string) => until(async () => (await look(id)).finished_at !== null, 'the job is over', 20_000);
/** Writes lines as the file says so. */
const STEPS = `const fs = require('fs'); let n = 0;
  setInterval(() => { while (fs.existsSync(process.env.DIR + '/step-' + (n + 1))) { n += 1; console.log('line ' + n + ' ä'); if (n === 3) process.exit(7); } }, 10)`;

describe('the output of a job', () => {
  it('is streamed while it runs, resumed where it was left, and ends with its exit code', async () => {
    const id = await submit(STEPS, { env: { DIR: api.directory } });
    const step = (n: number) => writeFileSync(join(api.directory, `step-${n}`), '');
    step(1);
    const first = await readLog(logsOf(id), token, { enough: (seen) => /line 1/.test(textOf(seen)) });
    expect(first.at(-1)?.data.offset).toBe(0);
    step(2);
    const second = await readLog(logsOf(id), token, {
      lastEventId: first.at(-1)?.id ?? '',
      enough: (seen) => /line 2/.test(textOf(seen)),
    });
    expect(textOf(second)).toBe('line 2 ä\n');
    const follower = readLog(logsOf(id), token);
    step(3);
    const all = await follower;
    expect(textOf(all)).toBe('line 1 ä\nline 2 ä\nline 3 ä\n');
    expect(all.at(-1)).toMatchObject({ name: 'end', data: { state: 'failed', attempt: 1, exit_code: 7 } });
    // And the same again of one that is over, and as it is.
    expect(textOf(await readLog(logsOf(id), token))).toBe(textOf(all));
    const raw = await api.call('GET', `/v1/jobs/${id}/logs`, { token });
    expect([raw.text, raw.headers.get('x-quorate-output')]).toEqual([textOf(all), 'runner']);
  });

  it('of one that waits is why it waits', async () => {
    const id = await submit('', { labels: { gpu: 'yes' } });
    const seen = await readLog(logsOf(id), token, { enough: (events) => events.length > 0 });
    expect(seen[0]?.data).toEqual({ state: 'queued', waiting_for: 'no runner has the labels gpu=yes' });
    await api.call('POST', `/v1/jobs/${id}/cancel`, { token });
    const after = await readLog(logsOf(id), token);
    expect(after).toMatchObject([{ name: 'end', data: { state: 'cancelled', exit_code: null } }]);
  });

  it('shows a program that cannot be started, and every attempt to those who are there', async () => {
    const spec = { kind: 'exec', command: '/nowhere/at-all' };
    const body = { spec, retry: { max_attempts: 2, backoff_seconds: 0 } };
    const { id } = (await api.call('POST', '/v1/jobs', { token, body })).body;
    const seen = await readLog(logsOf(id, 'follow=true&attempt=1'), token);
    expect(seen.filter(({ name }) => name === 'attempt').map(({ data }) => data)).toEqual([
      { attempt: 1, runner: 'alpha' },
      { attempt: 2, runner: 'alpha' },
    ]);
    expect(seen.at(-1)?.data).toMatchObject({ state: 'failed', error: expect.stringMatching(/no such program/) });
  });

  it('need not be UTF-8: as it is it comes byte by byte', async () => {
    const id = await submit('process.stdout.write(Buffer.from([0x61, 0xff, 0x00, 0xe2, 0x82]))');
    await ended(id);
    const raw = await fetch(logsOf(id, ''), { headers: { authorization: `Bearer ${token}` } });
    expect([...new Uint8Array(await raw.arrayBuffer())]).toEqual([0x61, 0xff, 0x00, 0xe2, 0x82]);
    expect(textOf(await readLog(logsOf(id), token))).toBe('a\ufffd\0\ufffd');
    expect(await look(id)).toMatchObject({ output_bytes: 5, output_tail: 'a\ufffd\0\ufffd' });
  });

  it('of a flood is its beginning and its end, and the reader is told what is missing', async () => {
    const script = `const s = Buffer.alloc(65536, 'x'); let n = 0;
      process.stdout.write('first\\n');
      (function w() { if (n++ === 320) return process.stdout.write('\\nlast\\n'); process.stdout.write(s, w) })()`;
    const id = await submit(script);
    await ended(id);
    const seen = await readLog(logsOf(id), token);
    const gap = seen.find(({ name }) => name === 'gap')?.data;
    const text = textOf(seen);
    expect(text.startsWith('first\n') && text.endsWith('\nlast\n')).toBe(true);
    const { output_bytes } = await look(id);
    expect(output_bytes).toBe(320 * 65_536 + 12);
    expect(gap.bytes + Buffer.byteLength(text)).toBe(output_bytes);
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(256 * 1024 + 2 * (384 + 64) * 1024);
    const raw = await api.call('GET', `/v1/jobs/${id}/logs`, { token });
    expect(raw.text).toContain(`[${gap.bytes} bytes left out]`);
  });

  it('of a job or an attempt that is not there is 404', async () => {
    const id = await submit('');
    for (const path of [`${id}/logs?attempt=9`, '01900000-0000-7000-8000-000000000000/logs?follow=true']) {
      expect((await api.call('GET', `/v1/jobs/${path}`, { token })).status).toBe(404);
    }
  });
});
