import { afterEach, expect, it } from 'vitest';
import type { RequestContext } from '../../http/endpoint';
import { uuidv7 } from '../../lib/ids';
import { commandRegistry } from '../../registry';
import { type Replica, startReplica } from '../../testing/replica';
import { runnerEndpoints } from './routes';
import { runners } from './table';

let replica: Replica | undefined;
afterEach(() => replica?.stop());

it('a runner and the one inside of a node may have one name: the list shows both, on whatever page they are', async () => {
  replica = await startReplica({ log: 'local', registry: commandRegistry });
  const { store } = replica;
  const names = ['alpha', 'same', 'same', 'same', 'zulu'];
  for (const [index, name] of names.entries()) {
    store.db
      .insert(runners)
      .values({
        ...{ id: uuidv7(), name, nodeId: index === 1 ? 1 : null, keyPin: null, labels: {}, capacity: 4 },
        ...{ version: 'test', address: '', state: 'active', drainedAt: null, status: 'online', statusSince: 1 },
        ...{ certificateExpiresAt: null, joinedAt: 1, removedAt: null },
      })
      .run();
  }
  const nothing = { jobs: 0, replicas: 0, cpuPercent: null, memoryPercent: null, latest: undefined, connectedTo: [] };
  const list = runnerEndpoints({ sight: () => nothing }).find(({ route }) => route.id === 'runners.list');
  for (const limit of [1, 2, 3]) {
    const seen: string[] = [];
    for (let cursor: string | undefined | null; cursor !== null; ) {
      const url = new URL('http://node/v1/runners');
      const ctx = { db: store.db, url, setHeader: () => undefined } as unknown as RequestContext;
      const page = (await list?.handle(ctx, { query: { limit, cursor } } as never)) as {
        items: { id: string; name: string }[];
        next_cursor: string | null;
      };
      seen.push(...page.items.map(({ id, name }) => `${name} ${id}`));
      cursor = page.next_cursor;
    }
    expect(seen.map((one) => one.split(' ')[0])).toEqual(names);
    expect(new Set(seen).size).toBe(names.length);
  }
});
