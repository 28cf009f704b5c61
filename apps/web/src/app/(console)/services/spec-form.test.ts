import { type Service, serviceRoutes, serviceSpecSchema } from '@quorate/shared/services';
import { describe, expect, it } from 'vitest';
import { createBody, refuseSpecText, SPEC_DEFAULTS, specField, updateBody, valuesOfService } from './spec-form';

const PROBE = { interval_seconds: 7, timeout_seconds: 3, healthy_after: 2, unhealthy_after: 4, start_seconds: 60 };

it.each([
  { type: 'none' },
  { type: 'tcp', port: 'http', ...PROBE },
  { type: 'http', port: 'http', path: '/healthz', ...PROBE },
  { type: 'exec', command: '/bin/check', args: ['-q', 'two words', ''], ...PROBE },
])('shows a service with the health check %j and sends back the same', (health) => {
  const spec = serviceSpecSchema.parse({
    command: '/usr/bin/web',
    args: ['--listen', 'a\nb', '"x"'],
    env: { A: '1', B: 'x=y', C: '' },
    labels: { zone: 'a' },
    ports: ['http', 'admin'],
    publish: 'http',
    stop_grace_seconds: 0,
    max_unavailable: 3,
    health,
  });
  const service = { name: 'web', spec, system: true, replicas: { desired: 4 } } as unknown as Service;
  const values = valuesOfService(service);
  expect(updateBody(values)).toEqual({ spec, system: true });
  expect(createBody(values)).toEqual({ name: 'web', replicas: 4, system: true, spec });
});

describe('the error of a place in the body', () => {
  it.each([
    [['name'], 'name'],
    [['spec', 'args', '0'], 'args'],
    [['spec', 'health', 'port'], 'health_port'],
    [['spec', 'health', 'type'], 'health'],
    [['spec', 'health'], 'health'],
    [['spec', 'publish'], 'publish'],
    [['system'], 'system'],
  ])('%j shows at %s', (path, field) => {
    expect(specField(path)).toBe(field);
    expect(Object.keys(SPEC_DEFAULTS)).toContain(field);
  });
});

it('refuses an empty number, and says what a line lacks', () => {
  const body = createBody({ ...SPEC_DEFAULTS, name: 'web', command: 'x', replicas: ' ' });
  expect(serviceRoutes.create.body.safeParse(body).error?.issues.map(({ path }) => path)).toEqual([['replicas']]);
  expect(refuseSpecText({ ...SPEC_DEFAULTS, env: 'A' })).toEqual({ env: '“A” has no value: write LOG_LEVEL=info' });
});
