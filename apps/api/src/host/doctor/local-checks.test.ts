import type { Join } from '@quorate/shared/joins';
import { expect, it } from 'vitest';
import { checkJoins } from './local-checks';

const join = (change: Partial<Join>): Join => ({
  node_id: 4,
  node_name: 'db-4',
  address: '10.0.0.4',
  token_id: '0198f0aa-1111-7222-8333-444455556666',
  stage: 'learner',
  caught_up_percent: 40,
  state: 'running',
  detail: 'Catching up with the log; it has no vote yet.',
  started_at: '2030-01-01T00:00:00Z',
  updated_at: '2030-01-01T00:00:00Z',
  ...change,
});

it('tells a join that goes on from one that went silent, and what exactly to remove', () => {
  expect(checkJoins({ openJoins: [] })).toEqual([]);
  expect(checkJoins({ openJoins: [join({})] })).toMatchObject([{ status: 'ok' }]);
  const [found] = checkJoins({ openJoins: [join({ state: 'dangling', stage: 'certificate_issued' })] });
  expect(found).toMatchObject({ check: 'joins', status: 'warn' });
  expect(found?.detail).toContain('db-4 (node 4) stands at "certificate issued"');
  expect(found?.cure).toContain('quorate cluster remove 4');
});
