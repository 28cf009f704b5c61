import { Agent, request } from 'node:https';
import type { TLSSocket } from 'node:tls';
import { afterEach, expect, it } from 'vitest';
import { listenTcp } from '../../http/listen';
import { until } from '../../testing/until';
import { createCa, issueNodeCertificate } from '../pki/issue';
import { createNodeKey, publicKeyPemOf } from '../pki/keys';

let listener: Awaited<ReturnType<typeof listenTcp>> | undefined;
const agents: Agent[] = [];

afterEach(async () => {
  for (const agent of agents.splice(0)) agent.destroy();
  await listener?.close(0);
});

it('takes another certificate under load: no request fails, connections that stand go on, new ones see it', async () => {
  const ca = await createCa({ clusterId: 'abcdefgh', nowMs: Date.now() });
  const key = createNodeKey();
  const issue = async (nodeId: number) => {
    const input = { ca, publicKeyPem: publicKeyPemOf(key), nodeId, hosts: ['127.0.0.1'], nowMs: Date.now() };
    return { cert: await issueNodeCertificate(input), key };
  };
  const fetch = () => new Response('ok');
  listener = await listenTcp({ host: '127.0.0.1', port: 0, tls: await issue(1), fetch, configKey: 'api.address' });
  const { url } = listener;

  /** The status, and whose certificate the connection showed. */
  const get = (agent: Agent): Promise<string> =>
    new Promise((resolve, reject) => {
      const sent = request(url, { agent, ca: ca.certPem, minVersion: 'TLSv1.2' }, (answer) => {
        const shown = (answer.socket as TLSSocket).getPeerCertificate().subject?.CN;
        answer.resume().on('end', () => resolve(`${answer.statusCode} ${shown}`));
      });
      sent.on('error', reject);
      sent.end();
    });
  const agentOf = (keepAlive: boolean): Agent => {
    const agent = new Agent({ keepAlive, maxSockets: 1, maxCachedSessions: 0 });
    agents.push(agent);
    return agent;
  };
  const [kept, fresh] = [agentOf(true), agentOf(false)];
  const seen = { kept: [] as string[], fresh: [] as string[] };
  let over = false;
  const loads = Promise.all(
    (['kept', 'fresh'] as const).map(async (which) => {
      const agent = which === 'kept' ? kept : fresh;
      while (!over) seen[which].push(await get(agent));
    }),
  );
  await until(() => seen.fresh.length > 5 && seen.kept.length > 5, 'requests flow');
  listener.setTls(await issue(2));
  await until(() => seen.fresh.includes('200 quorate-node-2'), 'new connections see the new certificate');
  const count = seen.kept.length;
  await until(() => seen.kept.length > count + 5, 'the connection that stands goes on');
  over = true;
  await loads;
  expect(new Set(seen.kept)).toEqual(new Set(['200 quorate-node-1']));
  expect(new Set(seen.fresh)).toEqual(new Set(['200 quorate-node-1', '200 quorate-node-2']));
});
