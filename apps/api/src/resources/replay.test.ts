import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { encodeEntry } from '../commands/entry';
import { sha256Hex } from '../lib/hash';
import { commandRegistry } from '../registry';
import { createMemoryLog, type MemoryLog } from '../replication/memory-log';
import { commandInputs, NEW_ID_FIELDS, name } from '../testing/command-inputs';
import { type Replica, startReplica } from '../testing/replica';
import { smallId, uuid } from '../testing/small-ids';
import { stateDigest } from '../testing/state-digest';
import { until } from '../testing/until';

const command = fc
  .constantFrom(...Object.keys(commandInputs))
  .chain((type) =>
    fc.record({
      type: fc.constant(type),
      id: fc.oneof(
        { weight: 1, arbitrary: fc.constantFrom('again-1', 'again-2') },
        { weight: 4, arbitrary: fc.uuid() },
      ),
      at: fc.nat({ max: 10_000 }),
      node: fc.integer({ min: 1, max: 3 }),
      fingerprint: fc.constantFrom('', 'f'),
      actor: fc.record({
        kind: fc.constantFrom('user', 'api_token', 'local', 'node', 'upstream', 'anonymous'),
        id: smallId,
        name,
      }),
      input: commandInputs[type] as fc.Arbitrary<unknown>,
    }),
  )
  .map((one) => ({ ...one, input: one.input as Record<string, unknown> }));
type Command = typeof command extends fc.Arbitrary<infer T> ? T : never;

function numbered(batches: Command[][]): Command[][] {
  let last = 0;
  const withIds = (input: Command['input']): Command['input'] => {
    const filled = { ...input };
    for (const field of NEW_ID_FIELDS) if (filled[field] === 'new') filled[field] = uuid(++last);
    return filled;
  };
  const fill = ({ input, ...rest }: Command): Command => {
    const filled = withIds(input);
    if (Array.isArray(filled['jobs'])) filled['jobs'] = filled['jobs'].map(withIds);
    if (filled['hash'] === 'new') filled['hash'] = sha256Hex(String(filled['id']));
    const schema = commandRegistry.get(rest.type)?.input;
    // What its own schema refuses never enters a log.
    expect(schema?.safeParse(filled).error, `${rest.type} ${JSON.stringify(filled)}`).toBeUndefined();
    return { ...rest, input: filled };
  };
  return batches.map((batch) => batch.map(fill));
}

const history = fc
  .array(fc.array(command, { minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 25 })
  .map(numbered);
const restarts = fc.array(fc.nat({ max: 2 }), { maxLength: 4 });
const chainOf = (replica: Replica): string => Buffer.from(replica.applier.position.chain).toString('hex');

describe('replaying a log', () => {
  const replicas: Replica[] = [];
  afterEach(() => vi.useRealTimers());

  async function start(log: MemoryLog, nodeId: number): Promise<Replica> {
    const replica = await startReplica({ log, nodeId, registry: commandRegistry });
    replicas.push(replica);
    return replica;
  }
  async function stopAll(): Promise<void> {
    for (const replica of replicas.splice(0)) await replica.stop();
  }
  const entryOf = (commands: readonly object[]): Uint8Array =>
    encodeEntry(commands.map((one) => JSON.stringify({ since: 1, ...one })));

  it('has a generator for each command', () => {
    expect(Object.keys(commandInputs).sort()).toEqual([...commandRegistry.keys()].sort());
  });

  it('leaves equal states and chains on every replica, whatever restarts between', async () => {
    let accepted = 0;
    let refused = 0;
    await fc.assert(
      fc.asyncProperty(history, restarts, async (batches, restarted) => {
        const log = createMemoryLog();
        try {
          const all = [await start(log, 1), await start(log.attach(), 2), await start(log.attach(), 3)];
          all[0]?.applier.onApplied((entry) => {
            for (const { outcome } of entry.commands) outcome.ok ? accepted++ : refused++;
          });
          const every = Math.max(1, Math.ceil(batches.length / (restarted.length + 1)));
          for (const [n, batch] of batches.entries()) {
            await log.append(entryOf(batch));
            const which = n % every === 0 ? restarted[n / every] : undefined;
            if (which !== undefined) await all[which]?.restart();
          }
          const tip = batches.length;
          for (const replica of all) {
            await until(() => replica.applier.position.index === tip || replica.fatal.length > 0, 'the tip is applied');
            expect(replica.fatal).toEqual([]);
          }
          const [first, ...others] = all as [Replica, ...Replica[]];
          for (const other of others) {
            expect(stateDigest(other.store.db)).toEqual(stateDigest(first.store.db));
            expect(chainOf(other)).toBe(chainOf(first));
          }
        } finally {
          await stopAll();
        }
      }),
      { numRuns: 25, endOnFailure: true },
    );
    expect(accepted).toBeGreaterThan(50);
    expect(refused).toBeGreaterThan(50);
  }, 120_000);

  it('does not depend on how commands were batched, but for the positions', async () => {
    await fc.assert(
      fc.asyncProperty(history, async (batches) => {
        try {
          const [one, single] = [await start(createMemoryLog(), 1), await start(createMemoryLog(), 2)];
          for (const batch of batches) await one.log.append(entryOf(batch));
          for (const item of batches.flat()) await single.log.append(entryOf([item]));
          expect([one.fatal, single.fatal]).toEqual([[], []]);
          await until(() => one.applier.position.index === batches.length, 'the batches are applied');
          await until(() => single.applier.position.index === batches.flat().length, 'the single ones are applied');
          const [a, b] = [stateDigest(one.store.db), stateDigest(single.store.db)];
          for (const table of ['users', 'api_tokens', 'revoked_sessions', 'cluster_info', 'cluster_secrets'])
            expect(b[table], table).toBe(a[table]);
        } finally {
          await stopAll();
        }
      }),
      { numRuns: 15, endOnFailure: true },
    );
  }, 120_000);

  it('does not depend on the clock, the time zone or chance', async () => {
    await fc.assert(
      fc.asyncProperty(history, async (batches) => {
        const apply = async (): Promise<Record<string, string>> => {
          const replica = await start(createMemoryLog(), 1);
          await replica.follow(false);
          for (const [n, batch] of batches.entries()) {
            replica.applier.apply({ epoch: 1, index: n + 1, cursor: '', bytes: entryOf(batch) });
          }
          return stateDigest(replica.store.db);
        };
        const zone = process.env['TZ'];
        try {
          const now = await apply();
          vi.useFakeTimers({ now: new Date('2041-07-01T12:00:00Z'), toFake: ['Date'] });
          vi.spyOn(Math, 'random').mockImplementation(() => {
            throw new Error('apply must not use chance');
          });
          process.env['TZ'] = 'Pacific/Kiritimati';
          expect(await apply()).toEqual(now);
        } finally {
          vi.useRealTimers();
          vi.restoreAllMocks();
          if (zone === undefined) delete process.env['TZ'];
          else process.env['TZ'] = zone;
          await stopAll();
        }
      }),
      { numRuns: 15, endOnFailure: true },
    );
  }, 120_000);
});
