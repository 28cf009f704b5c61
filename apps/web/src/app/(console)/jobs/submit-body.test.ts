import type { JobSpec } from '@quorate/shared/jobs';
import { jobRoutes } from '@quorate/shared/jobs';
import { describe, expect, it } from 'vitest';
import { refuseText, SUBMIT_DEFAULTS, submitBody, submitField, valuesOfJob } from './submit-body';

const RETRY = { max_attempts: 3, backoff_seconds: 10 };
const SPECS: JobSpec[] = [
  {
    kind: 'exec',
    command: '/usr/bin/rsync',
    args: ['-a', 'with\nlines', ''],
    env: { LEVEL: 'info' },
    stdin: 'in',
    timeout_seconds: 60,
    labels: { zone: 'a' },
  },
  { kind: 'backup', target: '0198c0de-0000-7000-8000-000000000001', note: 'nightly', node_id: 2 },
  { kind: 'backup', target: 'local', note: '', node_id: null },
  { kind: 'service.restart', services: ['web', 'api'] },
  { kind: 'service.restart', services: [] },
];

describe('the form of a job', () => {
  it.each(SPECS)('gives back each kind as it was: $kind', (spec) => {
    const body = submitBody(valuesOfJob({ spec, priority: 5, retry: RETRY }));
    expect(jobRoutes.create.body.parse(body)).toEqual({ spec, priority: 5, retry: RETRY });
  });

  it('names the field that is wrong, and looks at none that its kind does not have', () => {
    const issues = (values: object) =>
      jobRoutes.create.body
        .safeParse(submitBody({ ...SUBMIT_DEFAULTS, ...values }))
        .error?.issues.map(({ path }) => submitField(path.map(String)));
    expect(issues({ priority: '', max_attempts: '0' })).toEqual(['command', 'priority', 'max_attempts']);
    expect(issues({ kind: 'service.restart', services: 'Web' })).toEqual(['services']);
    expect(issues({ kind: 'backup', target: 'nowhere', env: 'X' })).toEqual(['target']);
    expect(refuseText({ kind: 'exec', env: 'X', labels: '' })).toHaveProperty('env');
    expect(refuseText({ kind: 'backup', env: 'X', labels: '' })).toEqual({});
  });
});
