import type { Connector } from '@quorate/shared/connector';
import { expect, it } from 'vitest';
import { checkConnector } from './upstream-checks';

const node = (change: object = {}) => ({
  node_id: 1,
  url: 'wss://up.example',
  reachable: true,
  problem: '',
  ...change,
});
const findings = (view: object, url = 'wss://up.example') =>
  checkConnector({
    cluster: { node_id: 1 } as never,
    connector: { settings: { enabled: true }, nodes: [node({ url })], sentence: 'S.', ...view } as Connector,
  });

it('tells a connection that is there from one that is not, and says why', () => {
  expect(findings({ state: 'off' }, '')).toEqual([]);
  expect(findings({ state: 'connected' })).toMatchObject([{ status: 'ok', detail: 'S.' }]);
  const unreachable = findings({ state: 'unreachable', nodes: [node({ reachable: false, problem: 'refused' })] });
  expect(unreachable).toMatchObject([{ status: 'fail', detail: 'S. refused' }]);
  expect(findings({ state: 'no_active' })).toMatchObject([{ status: 'warn' }]);
  const standby = findings({ state: 'connected', nodes: [node({ reachable: false, problem: 'refused' })] });
  expect(standby).toMatchObject([{ status: 'warn', detail: 'this node could not take over: refused' }]);
});
