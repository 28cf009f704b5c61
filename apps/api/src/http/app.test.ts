import { statSync } from 'node:fs';
import { join } from 'node:path';
import { defineRoute } from '@quorate/shared/route';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../lib/logger';
import { type Replica, startReplica } from '../testing/replica';
import { createApp } from './app';
import { endpoint } from './endpoint';
import { listenSocket } from './listen';
import { blockListOf } from './remote-address';

describe('the REST application', () => {
  let replica: Replica;
  let cancelled: boolean;
  beforeEach(async () => {
    cancelled = false;
    replica = await startReplica({ log: 'local' });
  });
  afterEach(() => replica.stop());

  const app = () => {
    const route = defineRoute({
      id: 'test.stream',
      method: 'get',
      path: '/v1/test',
      access: 'public',
      tag: 'Test',
      summary: 'A stream without an end',
      contentType: 'text/plain',
    });
    const stream = (): ReadableStream =>
      new ReadableStream({
        cancel() {
          cancelled = true;
        },
      });
    return createApp({
      endpoints: [endpoint(route, () => new Response(stream()))],
      authenticate: async () => null,
      ...{ store: replica.store, applier: replica.applier, proposer: replica.proposer, barrier: replica.barrier },
      nodeId: () => 1,
      deriveKey: () => Buffer.alloc(32),
      trustedProxies: blockListOf([]),
      logger: silentLogger(),
    });
  };

  it('ends a stream that was asked for by HEAD', async () => {
    const response = await app().request('/v1/test', { method: 'HEAD' }, {});
    expect([response.status, response.body, cancelled]).toEqual([200, null, true]);
  });

  it('leaves a stream that is read', async () => {
    const response = await app().request('/v1/test', {}, {});
    expect([response.status, cancelled]).toEqual([200, false]);
    await response.body?.cancel();
  });

  it('is closed to others on its socket from the first moment, and leaves the mask of new files alone', async () => {
    const path = join(replica.directory, 'agent.sock');
    const before = process.umask();
    const opening = listenSocket(path, app().fetch as never);
    expect([process.umask(), statSync(path).mode & 0o777]).toEqual([before, 0o600]);
    await (await opening).close(0);
  });
});
