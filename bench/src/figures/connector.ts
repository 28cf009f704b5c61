import type { Cluster } from '@quorate/e2e/src/harness/cluster';
import type { Daemon } from '@quorate/e2e/src/harness/daemon';
import { until } from '@quorate/e2e/src/harness/until';
import { type ExampleUpstream, startUpstream } from '@quorate/e2e/src/harness/upstream';
import { connectorRoutes } from '@quorate/shared/connector';
import { type Figure, note } from '../figure';
import { withCluster } from './cluster';

const ROUNDS = 2;

interface Takeovers {
  readonly killed: readonly number[];
  readonly stopped: readonly number[];
}

/** Seconds from the signal to the active node until the upstream has accepted another one. */
async function takeover(cluster: Cluster, upstream: ExampleUpstream, end: (active: Daemon) => Promise<unknown>) {
  const { history } = upstream.gateways;
  for (const node of cluster.nodes) if (!node.running) await cluster.restart(node);
  await cluster.waitHealthy(cluster.nodes.length);
  const name = await until('a node is connected', () => history.at(-1)?.endedMs === null && history.at(-1)?.node.name);
  const active = cluster.nodes.find((node) => node.name === name) ?? cluster.node(0);
  const before = history.length;
  const startedMs = performance.now();
  const ended = end(active);
  const next = await until('another node is connected', () => history[before], { everyMs: 5 });
  await ended;
  return (next.startedMs - startedMs) / 1000;
}

/** One series gives two figures. */
let series: Promise<Takeovers> | undefined;
const takeovers = (): Promise<Takeovers> => {
  series ??= withCluster(3, async (cluster) => {
    const client = cluster.node(0).client();
    const { cluster_ca } = await client.call(connectorRoutes.get, {});
    const upstream = await startUpstream(cluster.workspace, '127.0.0.1', cluster_ca);
    await client.call(connectorRoutes.put, { body: { url: upstream.url, ca_cert: upstream.ca } });
    const killed: number[] = [];
    const stopped: number[] = [];
    for (let round = 1; round <= ROUNDS; round += 1) {
      stopped.push(await takeover(cluster, upstream, (active) => active.stop()));
      killed.push(await takeover(cluster, upstream, (active) => active.killAll()));
      note(
        `  takeover ${round}: ${stopped.at(-1)?.toPrecision(3)} s stopped, ${killed.at(-1)?.toPrecision(3)} s killed`,
      );
    }
    return { killed, stopped };
  });
  return series;
};

export const connectorKilled: Figure = {
  name: 'connector after kill -9',
  unit: 's',
  bound: { at: 'most', value: 5 },
  why: `from kill -9 of the active node until the upstream has accepted another one; the longest of ${ROUNDS}`,
  measure: async () => Math.max(...(await takeovers()).killed),
};

export const connectorStopped: Figure = {
  name: 'connector after SIGTERM',
  unit: 's',
  bound: { at: 'most', value: 1 },
  why: `from SIGTERM to the active node until the upstream has accepted another one; the longest of ${ROUNDS}`,
  measure: async () => Math.max(...(await takeovers()).stopped),
};
