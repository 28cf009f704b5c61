import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { parseJoinString } from '../cluster/join/join-string';
import { inspectCertificate } from '../cluster/pki/inspect';
import { keyPinOf } from '../cluster/pki/keys';
import { joinAsRunner, loadRunnerFile } from '../cluster/runners/join-client';
import { type Logger, silentLogger } from '../lib/logger';
import { callApi } from '../testing/api-node';
import { startTestCluster, type TestCluster } from '../testing/cluster';
import { until } from '../testing/until';
import { openRunner } from './runner';

const DAY_MS = 24 * 3600 * 1000;
let cluster: TestCluster | undefined;
let stopRunner: (() => Promise<void>) | undefined;
const dataDir = mkdtempSync(join(tmpdir(), 'quorate-runner-'));
afterEach(async () => {
  await stopRunner?.();
  await cluster?.stop();
  rmSync(dataDir, { recursive: true, force: true });
});

it('the certificate of a runner is renewed while it runs, and its job runs on', async () => {
  // The cluster began that long ago: less than two fifths of a year are left. What TLS checks goes by the true time.
  let offset = -250 * DAY_MS;
  const clock = (): number => Date.now() + offset;
  cluster = await startTestCluster(1, { 'workers.enabled': 'false' }, () => clock);
  const first = cluster.node(0);
  const made = await first.call('POST', '/v1/api-tokens', { name: 'test', role: 'admin' });
  const call = async (method: string, path: string, body?: unknown) =>
    (await callApi(first.node.url, method, path, { token: made.body.token, ...(body === undefined ? {} : { body }) }))
      .body;
  const { join_string } = await call('POST', '/v1/nodes/join-tokens', { kind: 'runner' });
  const own = { name: 'worker', labels: {}, capacity: 2, version: '0.0.0-test' };
  const file = await joinAsRunner({
    ...{ target: parseJoinString(join_string), dataDir, clusterToken: 'quorate', timeoutMs: 20_000, clock, ...own },
  });
  const said: string[] = [];
  const logger = silentLogger();
  logger.info = ((_: object, text: string) => void said.push(text)) as Logger['info'];
  /** Connections since the certificate is another one. */
  const connections = (): number => {
    const renewed = said.indexOf('the certificate was renewed');
    return renewed < 0 ? 0 : said.slice(renewed).filter((text) => text === 'connected to a core node').length;
  };
  const onRemoved = () => expect.fail('it was not removed');
  stopRunner = openRunner({ dataDir, file, self: own, user: undefined, clock, logger, renewalCheckMs: 200, onRemoved });
  const view = async () => (await call('GET', '/v1/runners')).items[0];
  await until(async () => (await view())?.status === 'online', 'it is online', 60_000);
  const spec = { kind: 'exec', command: 'sleep', args: ['600'] };
  const { id } = await call('POST', '/v1/jobs', { spec });
  const job = () => call('GET', `/v1/jobs/${id}`);
  await until(async () => (await job()).state === 'running', 'its job runs', 60_000);
  expect(loadRunnerFile(dataDir)?.certificate).toBe(file.certificate);

  offset = 0;
  await until(() => connections() > 0, 'it has connected with another certificate', 60_000);
  const { certificate = '' } = loadRunnerFile(dataDir) ?? {};
  const { notBefore, notAfter } = inspectCertificate(certificate);
  expect(notBefore).toBeGreaterThan(Date.now() - DAY_MS);
  expect(keyPinOf(certificate)).toBe(keyPinOf(file.certificate));
  expect(Date.parse((await view()).certificate_expires_at)).toBe(notAfter);

  // The old certificate is over now: a node that had seen no other would let the runner go.
  offset = 120 * DAY_MS;
  expect(inspectCertificate(file.certificate).notAfter).toBeLessThan(clock());
  const heard = async () => Date.parse((await view()).measured_at);
  await until(async () => (await heard()) > Date.now() + 119 * DAY_MS, 'it is heard of at that time', 60_000);
  expect((await job()).attempts).toMatchObject([{ outcome: 'running' }]);
}, 240_000);
