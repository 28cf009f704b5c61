import { serviceRoutes } from '@quorate/shared/services';
import { expect, it } from 'vitest';
import { Runner } from './harness/runner';
import { addNodes, useCluster } from './harness/suite';
import { until } from './harness/until';

const SERVER = "require('node:http').createServer((_, answer) => answer.end()).listen(process.env.PORT)";
const params = { name: 'web' };

let runner: Runner;
const suite = useCluster(async ({ cluster, workspace }) => {
  addNodes({ cluster, workspace }, 1);
  await cluster.grow();
  runner = new Runner(cluster, { name: 'worker', capacity: 4 });
  await runner.join();
});

it('replicas outlive kill -9 and stop of their runner, are taken over, and end when they are told to', async () => {
  const { cluster } = suite;
  const call = () => cluster.node(0).client();
  const spec = {
    ...{ command: process.execPath, args: ['-e', SERVER], ports: ['http'], stop_grace_seconds: 1 },
    ...{ health: { type: 'http', port: 'http', interval_seconds: 1 } as const },
  };
  await call().call(serviceRoutes.create, { body: { name: 'web', spec, replicas: 5 } });
  const look = () => call().call(serviceRoutes.get, { params });
  await until('all are healthy', async () => (await look()).replicas.healthy === 5);
  const placements = async () => (await look()).instances.map(({ generation, restarts }) => ({ generation, restarts }));
  const [programs, placed] = [runner.programs(), await placements()];
  expect(programs.length).toBeGreaterThan(0);
  for (const end of [() => runner.kill(), () => runner.stop()]) {
    await end();
    expect(runner.programs()).toEqual(programs);
    runner.restart();
    await runner.waitOnline();
    await runner.waitConnected(1);
    expect(runner.programs()).toEqual(programs);
    expect(await placements()).toEqual(placed);
  }
  await call().call(serviceRoutes.remove, { params });
  await until('none is left', () => runner.programs().length === 0);
});
