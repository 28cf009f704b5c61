import { z } from 'zod';
import { type Actor, createRegistry, defineCommand } from '../commands/define-command';
import { DomainError } from '../commands/domain-error';

/** Small commands over an existing table (`cluster_secrets` as key and value), for tests of the core alone. */
const put = defineCommand({
  type: 'test.put',
  since: 1,
  input: z.object({ key: z.string(), value: z.string() }),
  target: (input) => input.key,
  apply(tx, input, ctx) {
    tx.$client.prepare('INSERT OR REPLACE INTO cluster_secrets VALUES (?, ?, ?)').run(input.key, input.value, ctx.at);
    ctx.event('alarm.raised', `${input.key} is ${input.value}`, { key: input.key });
    return { key: input.key, at: ctx.at };
  },
});

/** Appends to what stands under the key: applied twice, it shows. */
const append = defineCommand({
  type: 'test.append',
  since: 1,
  input: z.object({ key: z.string(), value: z.string() }),
  apply(tx, input, ctx) {
    tx.$client
      .prepare(
        'INSERT INTO cluster_secrets VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE SET jwe = jwe || excluded.jwe',
      )
      .run(input.key, input.value, ctx.at);
    return { index: ctx.index };
  },
});

/** Writes a row and an event, then refuses. */
const refuse = defineCommand({
  type: 'test.refuse',
  since: 1,
  input: z.object({ key: z.string() }),
  apply(tx, input, ctx) {
    tx.$client.prepare('INSERT INTO cluster_secrets VALUES (?, ?, ?)').run(input.key, 'refused', ctx.at);
    ctx.event('alarm.raised', 'never seen');
    throw new DomainError('conflict', `${input.key} is refused`, [{ pointer: '/key', detail: 'refused' }], 3);
  },
});

/** Writes a row, then fails as a bug or a broken disk would. */
const crash = defineCommand({
  type: 'test.crash',
  since: 1,
  input: z.object({ key: z.string() }),
  apply(tx, input, ctx) {
    tx.$client.prepare('INSERT INTO cluster_secrets VALUES (?, ?, ?)').run(input.key, 'crashed', ctx.at);
    throw new TypeError('a bug in apply');
  },
});

/** Writes a row, then one that contradicts it: a check that apply forgot to make. */
const contradict = defineCommand({
  type: 'test.contradict',
  since: 1,
  input: z.object({ key: z.string() }),
  apply(tx, input, ctx) {
    const insert = tx.$client.prepare('INSERT INTO cluster_secrets VALUES (?, ?, ?)');
    insert.run(input.key, 'first', ctx.at);
    insert.run(input.key, 'second', ctx.at);
  },
});

/** From a version that this build does not have. */
export const futureCommand = defineCommand({
  type: 'test.future',
  since: 1_000,
  input: z.object({}),
  apply: () => undefined,
});

export const testCommands = { put, append, refuse, crash };
export const testRegistry = createRegistry([put, append, refuse, crash, contradict, futureCommand]);
export const TEST_ACTOR: Actor = { kind: 'user', id: 'u1', name: 'ada' };
