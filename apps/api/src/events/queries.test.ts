import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ApiNode, startApiNode } from '../testing/api-node';

describe('filtered events', () => {
  let api: ApiNode;
  beforeAll(async () => {
    api = await startApiNode();
  });
  afterAll(() => api?.stop());

  it('have exactly the namespace that was asked for, underscores included', async () => {
    const token = await api.setUp();
    await api.call('POST', '/v1/api-tokens', { token, body: { name: 'monitoring', role: 'viewer' } });
    const typesOf = async (namespace: string): Promise<string[]> => {
      const { body } = await api.call('GET', `/v1/events?namespace=${namespace}`, { token });
      return body.items.map((event: { type: string }) => event.type);
    };
    expect(await typesOf('api_token')).toEqual(['api_token.created']);
    expect(await typesOf('session')).toEqual(['session.opened']);
    for (const other of ['apitoken', 'api%25', 'api_', 'cluste', '_']) expect(await typesOf(other), other).toEqual([]);
  });
});
