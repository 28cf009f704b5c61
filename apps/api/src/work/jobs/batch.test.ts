import { type Job, MAX_JOBS_AT_ONCE, MAX_OPEN_JOBS } from '@quorate/shared/jobs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { uuidv7 } from '../../lib/ids';
import { commandRegistry } from '../../registry';
import { type ApiNode, startApiNode } from '../../testing/api-node';
import { startReplica } from '../../testing/replica';
import { submitJobs } from './commands';
import { countByState, openJobs } from './queries';
import { jobTotals } from './table';

let api: ApiNode;
let admin: string;
beforeAll(async () => {
  api = await startApiNode();
  admin = await api.setUp();
});
afterAll(() => api?.stop());

/** A job that no runner takes. */
const job = (name = 'true', more: object = {}) => ({
  spec: { kind: 'exec', command: name, labels: { zone: 'nowhere' } },
  ...more,
});
const submit = (jobs: unknown, headers: Record<string, string> = {}) =>
  api.call('POST', '/v1/jobs/batch', { token: admin, body: { jobs }, headers });
const read = async (path: string) => (await api.call('GET', path, { token: admin })).body;
const queued = async (): Promise<number> => (await read('/v1/jobs/summary')).counts.queued;

describe('many jobs in one request', () => {
  it('are all submitted by one write, in their order, each as it says', async () => {
    const before = await read('/v1/cluster');
    const names = Array.from({ length: MAX_JOBS_AT_ONCE }, (_, n) => `job-${n}`);
    const [first, ...others] = names.map((name) => job(name));
    const special = { ...first, priority: 7, retry: { max_attempts: 3, backoff_seconds: 1 } };
    const { status, body, text } = await submit([special, ...others]);
    expect(status, text).toBe(202);
    expect(Object.keys(body)).toEqual(['ids']);
    const { items }: { items: Job[] } = await read(`/v1/jobs?limit=${MAX_JOBS_AT_ONCE}`);
    expect(items.map(({ id }) => id).reverse()).toEqual(body.ids);
    const commands = items.map(({ spec }) => spec.kind === 'exec' && spec.command).reverse();
    expect(commands).toEqual(names);
    expect(items.at(-1)).toMatchObject({ priority: 7, retry: { max_attempts: 3, backoff_seconds: 1 } });
    expect((await read('/v1/cluster')).applied_index - before.applied_index).toBeLessThan(MAX_JOBS_AT_ONCE / 10);
    const { items: audit } = await read('/v1/audit?action=jobs.submit');
    expect(audit.map(({ target }: { target: string }) => target)).toEqual([
      `${MAX_JOBS_AT_ONCE} jobs from ${body.ids[0]}`,
    ]);
  });

  it('are not submitted at all when one of them is not valid, and the answer points at it', async () => {
    const before = await queued();
    const cases: [unknown, string[]][] = [
      [[job(), job(), job(), job('')], ['/jobs/3/spec/command']],
      [[job(), job('true', { priority: 101 })], ['/jobs/1/priority']],
      [[{ spec: { ...job().spec, evn: {} } }], ['/jobs/0/spec/evn']],
      [[job('', { retry: { max_attempts: 0 } })], ['/jobs/0/spec/command', '/jobs/0/retry/max_attempts']],
      [[], ['/jobs']],
      [Array.from({ length: MAX_JOBS_AT_ONCE + 1 }, () => job()), ['/jobs']],
      [undefined, ['/jobs']],
    ];
    for (const [jobs, pointers] of cases) {
      const answer = await submit(jobs);
      expect(answer, answer.text).toMatchObject({ status: 422, body: { code: 'validation_failed' } });
      expect(answer.body.errors.map(({ pointer }: { pointer: string }) => pointer)).toEqual(pointers);
    }
    expect(await queued()).toBe(before);
  });

  it('are refused with what to do when they do not fit into one entry of the log, or one body', async () => {
    const before = await queued();
    const large = (kib: number) =>
      Array.from({ length: kib / 50 }, () => ({ spec: { ...job().spec, stdin: 'x'.repeat(50 * 1024) } }));
    const entry = await submit(large(600));
    expect(entry).toMatchObject({ status: 413, body: { code: 'body_too_large' } });
    expect(entry.body.detail).toMatch(/^the write needs 6\d{5} bytes, 523264 are allowed; send less at once$/);
    const body = await submit(large(1_100));
    expect(body).toMatchObject({
      status: 413,
      body: { code: 'body_too_large', detail: expect.stringContaining('send less') },
    });
    expect(await queued()).toBe(before);
    expect((await submit(large(500))).status).toBe(202);
  });

  it('are submitted once under an Idempotency-Key', async () => {
    const headers = { 'idempotency-key': 'batch-1' };
    const first = await submit([job('a'), job('b')], headers);
    const before = await queued();
    expect((await submit([job('a'), job('b')], headers)).body).toEqual(first.body);
    expect((await submit([job('a')], headers)).body.code).toBe('idempotency_key_reused');
    expect(await queued()).toBe(before);
  });
});

it('leaves nothing behind when fewer may be open', async () => {
  const replica = await startReplica({ log: 'local', registry: commandRegistry });
  try {
    const { db } = replica.store;
    const spec = { kind: 'service.restart' as const, services: [] };
    const some = (n: number) => ({
      jobs: Array.from({ length: n }, () => ({ id: uuidv7(), spec, priority: 0, maxAttempts: 1, backoffMs: 0 })),
    });
    await replica.propose(submitJobs, some(1));
    db.update(jobTotals)
      .set({ open: MAX_OPEN_JOBS - 3 })
      .run();
    const refused = { code: 'overloaded', message: expect.stringContaining('so 3 more may be submitted now') };
    await expect(replica.propose(submitJobs, some(4))).rejects.toMatchObject(refused);
    expect([countByState(db).get('queued'), openJobs(db)]).toEqual([1, MAX_OPEN_JOBS - 3]);
    await replica.propose(submitJobs, some(3));
    expect([countByState(db).get('queued'), openJobs(db)]).toEqual([4, MAX_OPEN_JOBS]);
    await expect(replica.propose(submitJobs, some(1))).rejects.toMatchObject({ code: 'overloaded' });
  } finally {
    await replica.stop();
  }
});
