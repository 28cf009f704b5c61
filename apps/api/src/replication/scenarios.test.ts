import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { DomainError } from '../commands/domain-error';
import { type Replica, startReplica, storedValues } from '../testing/replica';
import { stateDigest } from '../testing/state-digest';
import { testCommands } from '../testing/test-commands';
import { until } from '../testing/until';
import { createMemoryLog, type MemoryLog } from './memory-log';
import { OutcomeUnknown } from './proposer';

interface Node extends Replica {
  readonly link: MemoryLog;
}

describe('three nodes over one log', () => {
  const nodes: Node[] = [];
  afterEach(async () => {
    for (const node of nodes.splice(0)) await node.stop();
  });

  async function startThree(timeoutMs = 5_000): Promise<[Node, Node, Node]> {
    const log = createMemoryLog();
    const start = async (nodeId: number): Promise<Node> => {
      const link = nodeId === 1 ? log : log.attach();
      const node = Object.assign(await startReplica({ log: link, nodeId, timeoutMs }), { link });
      nodes.push(node);
      return node;
    };
    return [await start(1), await start(2), await start(3)];
  }
  const write = (node: Node, value: string, more = {}) =>
    node.propose(testCommands.append, { key: 'k', value: `${value} ` }, more);
  const text = (node: Node): string => storedValues(node)['k'] ?? '';
  const code = (error: unknown): unknown => (error instanceof DomainError ? error.code : error);
  async function expectSame(): Promise<void> {
    const tip = Math.max(...nodes.map((node) => node.applier.position.index));
    await until(() => nodes.every((node) => node.applier.position.index >= tip), 'all nodes are at the tip');
    const [first, ...rest] = nodes.map((node) => stateDigest(node.store.db));
    for (const other of rest) expect(other).toEqual(first);
  }

  it('every node takes writes, and all end in one order', async () => {
    const all = await startThree();
    await Promise.all(Array.from({ length: 90 }, (_, n) => write(all[n % 3] as Node, String(n))));
    await expectSame();
    expect(text(all[0]).trim().split(' ')).toHaveLength(90);
  });

  it('a writer that is cut off refuses writes, serves reads, and catches up when healed', async () => {
    const [a, b] = await startThree(200);
    await write(a, 'before');
    await until(() => text(b) === 'before ', 'b has it');
    a.link.partition(true);
    expect(await write(a, 'refused').catch(code)).toBe('no_quorum');
    await write(b, 'meanwhile');
    expect(text(a)).toBe('before ');
    expect(await a.barrier().catch(code)).toBe('no_quorum');
    a.link.partition(false);
    await a.barrier();
    expect(text(a)).toBe('before meanwhile ');
    await write(a, 'after');
    await expectSame();
    expect(text(b)).toBe('before meanwhile after ');
  });

  it('a write whose fate was unknown is found applied once after healing, also through another node', async () => {
    const [a, b] = await startThree(200);
    a.link.dropAcks(1);
    await a.follow(false);
    const lost = write(a, 'once', { id: 'cmd' }).then(
      () => 'answered',
      (error: unknown) => error,
    );
    await until(() => text(b) === 'once ', 'b has applied it');
    a.link.partition(true);
    expect(await lost).toBeInstanceOf(OutcomeUnknown);
    expect((await write(b, 'once', { id: 'cmd' })).result).toEqual({ index: 1 });
    a.link.partition(false);
    await a.follow(true);
    expect((await write(a, 'once', { id: 'cmd' })).index).toBe(1);
    await expectSame();
    expect(text(a)).toBe('once ');
  });

  it('a write that timed out on the way never shows up without being asked for again', async () => {
    const [a, b] = await startThree(150);
    a.link.partition(true);
    expect(await write(a, 'ghost', { id: 'ghost' }).catch(code)).toBe('no_quorum');
    a.link.partition(false);
    await write(a, 'next');
    await write(b, 'last');
    await expectSame();
    expect(text(b)).toBe('next last ');
    expect((await write(b, 'ghost', { id: 'ghost' })).index).toBe(3);
  });

  it('a slow node answers old local reads, but waits for min-index and linearizable ones', async () => {
    const [a, , c] = await startThree(2_000);
    await write(a, 'one');
    await until(() => text(c) === 'one ', 'c has the first');
    await c.follow(false);
    const { index } = await write(a, 'two');
    expect(text(c)).toBe('one ');
    expect(await c.applier.waitFor(index, 50)).toBe(false);
    const linearizable = c.barrier().then(() => text(c));
    const fresh = c.applier.waitFor(index, 10_000).then(() => text(c));
    await sleep(30);
    await c.follow(true);
    expect(await fresh).toBe('one two ');
    expect(await linearizable).toBe('one two ');
  });

  it('a stuck node says so instead of answering a linearizable read from the past', async () => {
    const [a, , c] = await startThree(100);
    await c.follow(false);
    await write(a, 'one');
    expect(await c.barrier().catch(code)).toBe('index_not_reached');
  });

  it('a linearizable read sees every write that was acknowledged before it began', async () => {
    const [a, b, c] = await startThree();
    for (let n = 0; n < 50; n += 1) {
      const { index } = await write(n % 2 ? a : b, String(n));
      const tips = await Promise.all([c.barrier(), c.barrier(), c.barrier()]);
      for (const tip of tips) expect(tip).toBeGreaterThanOrEqual(index);
      expect(text(c).trim().split(' ')).toHaveLength(n + 1);
    }
  });

  it('nodes that restart at any moment lose and double nothing', async () => {
    const [a, b, c] = await startThree();
    const writes: Promise<unknown>[] = [];
    for (let round = 0; round < 6; round += 1) {
      for (let n = 0; n < 10; n += 1) writes.push(write(a, `${round}.${n}`));
      a.link.dropAcks(round % 2);
      await (round % 2 ? b : c).restart();
    }
    await Promise.all(writes);
    await expectSame();
    const words = text(b).trim().split(' ');
    expect(words).toHaveLength(60);
    expect(new Set(words).size).toBe(60);
  });
});
