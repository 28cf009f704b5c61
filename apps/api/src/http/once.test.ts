import { describe, expect, it } from 'vitest';
import { DomainError } from '../commands/domain-error';
import { type Attempt, doOnce } from './once';

/** Outcomes by command id, as the state keeps them: the first one under an id counts. */
function deps(outcomes: Map<string, unknown>, nodeId: number, signal = new AbortController().signal) {
  const attemptAt = (n: number): Attempt => ({
    propose: async (_command, input, suffix) => {
      const id = `${n}.${suffix}`;
      if (!outcomes.has(id)) outcomes.set(id, input);
      return outcomes.get(id) as never;
    },
    outcome: (suffix) => outcomes.get(`${n}.${suffix}`) as never,
  });
  return { nodeId, signal, attemptAt };
}

describe('a request that acts outside of the log', () => {
  it('may be tried again when it was refused', async () => {
    const outcomes = new Map();
    const refuse = () => Promise.reject(new DomainError('conflict', 'not now'));
    await expect(doOnce(deps(outcomes, 1), refuse, {})).rejects.toThrow('not now');
    expect(await doOnce(deps(outcomes, 2), async () => 'done', {})).toBe('done');
    expect(await doOnce(deps(outcomes, 1), refuse, {})).toBe('done');
  });

  it('is not taken for undone when the one who began it was lost or failed midway', async () => {
    const outcomes = new Map();
    const fail = () => Promise.reject(new Error('a bug'));
    await expect(doOnce(deps(outcomes, 1), fail, {})).rejects.toThrow('a bug');
    const gone = AbortSignal.abort();
    const again = doOnce(deps(outcomes, 2, gone), async () => 'twice', {});
    await expect(again).rejects.toMatchObject({ code: 'conflict', message: /node 1 began this request/ });
    const found = () => 'what it brought about';
    expect(await doOnce(deps(outcomes, 2, gone), fail, { found })).toBe('what it brought about');
  });

  it('is done without a quorum when that does no harm', async () => {
    const none = { propose: () => Promise.reject(new DomainError('no_quorum', 'no quorum')), outcome: () => undefined };
    const without = { ...deps(new Map(), 1), attemptAt: () => none };
    await expect(doOnce(without, async () => 'done', {})).rejects.toMatchObject({ code: 'no_quorum' });
    expect(await doOnce(without, async () => 'done', { harmless: true })).toBe('done');
  });
});
