import { HEADER } from '@quorate/shared/http-headers';
import { afterEach, expect, it } from 'vitest';
import { createRegistry } from '../../commands/define-command';
import { seenCommands } from '../../db/system-table';
import { sha256Hex } from '../../lib/hash';
import { uuidv7 } from '../../lib/ids';
import { startApiNode } from '../../testing/api-node';
import { startReplica } from '../../testing/replica';
import { apiTokenCommands, createApiToken } from './commands';

const cleanUps: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

const tokenOf = (name: string, secret: string) => ({
  id: uuidv7(),
  name,
  role: 'viewer' as const,
  hash: sha256Hex(secret),
  hint: 'qa_12345',
  ttlMs: null,
});

it('refuses a secret that exists under another name: its Idempotency-Key was used again after its outcome was forgotten', async () => {
  const replica = await startReplica({ log: 'local', registry: createRegistry(apiTokenCommands) });
  cleanUps.push(() => replica.stop());
  await replica.propose(createApiToken, tokenOf('a', 'same'), { id: 'idem-1' });
  replica.store.db.delete(seenCommands).run();
  const again = replica.propose(createApiToken, tokenOf('b', 'same'), { id: 'idem-1' });
  await expect(again).rejects.toMatchObject({ code: 'idempotency_key_reused' });
  expect(replica.fatal).toEqual([]);
  await replica.propose(createApiToken, tokenOf('b', 'another'));
});

it('says that the token was revoked when its creation is repeated afterwards', async () => {
  const api = await startApiNode();
  cleanUps.push(() => api.stop());
  const token = await api.setUp();
  const create = () =>
    api.call('POST', '/v1/api-tokens', {
      token,
      body: { name: 'ci', role: 'viewer' },
      headers: { [HEADER.idempotencyKey]: 'ci-token' },
    });
  const created = await create();
  expect(created.status).toBe(201);
  expect((await api.call('DELETE', `/v1/api-tokens/${created.body.id}`, { token })).status).toBe(204);
  expect(await create()).toMatchObject({ status: 404, body: { code: 'not_found' } });
});
