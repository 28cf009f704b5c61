// npm run smoke:ha: grows one node to three voters by join tokens alone and takes nodes away again, for real.
// Exit status 0 only if everything held.
import { existsSync } from 'node:fs';
import { Checklist, ensure } from './harness/checklist';
import { Cluster } from './harness/cluster';
import type { Daemon } from './harness/daemon';
import { findLosses, type Load, type LoadReport, startLoad } from './harness/load';
import { createNetwork, type Network, networkObstacle } from './harness/network';
import { DAEMON } from './harness/paths';
import { until } from './harness/until';
import { createWorkspace } from './harness/workspace';
import { refusalOf, sees, type Written, write } from './harness/writes';

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const list = new Checklist(say);
const workspace = createWorkspace();
const cluster = new Cluster(workspace);
const reports: LoadReport[] = [];
let counter = 0;

/** Writes on every running node, all the time. */
const loadEverywhere = (label: string): Load =>
  startLoad({ label, clients: () => cluster.running().map((node) => node.client(4_000)) });

/** Ends a load: no write failed, and every one is on every running node exactly once. */
async function settle(load: Load): Promise<string> {
  const report = await load.stop();
  reports.push(report);
  ensure(report.acknowledged.length > 0, 'no write was acknowledged');
  ensure(report.failed.length === 0, `${report.failed.length} writes failed, first: ${report.failed[0]?.error}`);
  await proveWrites([report]);
  return `${report.acknowledged.length} writes, none lost, longest gap ${Math.round(report.longestGapMs)} ms`;
}

async function proveWrites(all: readonly LoadReport[]): Promise<void> {
  for (const node of cluster.running()) {
    for (const report of all) {
      const losses = await until(`${node.name} shows its writes`, () => findLosses(report, node.client()));
      ensure(losses.length === 0, `${node.name}: ${losses.length} wrong, first: ${losses[0]}`);
    }
  }
}

async function writeAndReadEverywhere(nodes: readonly Daemon[]): Promise<string> {
  const written: Written[] = [];
  for (const node of nodes) written.push(await write(node.client(), `smoke-${counter++}`));
  for (const node of nodes) {
    for (const one of written) ensure(await sees(node.client(), one), `${node.name} does not show ${one.name}`);
  }
  return `${written.length} writes, each read on ${nodes.length} nodes`;
}

/** 503 no_quorum for writes, an answer for reads, over the agent socket: it works whatever became of the network. */
async function refusesWritesServesReads(node: Daemon): Promise<string> {
  const refusal = await until(
    `${node.name} refuses writes for want of a quorum`,
    async () => {
      const error = await refusalOf(write(node.local(20_000), `refused-${counter++}`));
      return error.code === 'no_quorum' && error;
    },
    { boundMs: 60_000 },
  );
  ensure(refusal.status === 503, `the status was ${refusal.status}`);
  await proveReads(node);
  return `${refusal.status} ${refusal.code}, reads answered`;
}

async function proveReads(node: Daemon): Promise<void> {
  const losses = await findLosses(reports[0] as LoadReport, node.local());
  ensure(losses.length === 0, `${node.name} lost acknowledged writes: ${losses[0]}`);
}

async function growth(): Promise<string> {
  const load = startLoad({ label: 'growth', clients: () => [cluster.node(0).client(4_000)] });
  const times: number[] = [];
  for (const joiner of cluster.nodes.slice(1)) times.push(await cluster.join(joiner));
  await cluster.waitHealthy(3);
  const joined = times.map((ms) => `${(ms / 1000).toFixed(1)} s`).join(' and ');
  return `joined in ${joined}; meanwhile ${await settle(load)}`;
}

async function killLeader(): Promise<string> {
  const leader = await cluster.leader();
  const load = loadEverywhere('kill');
  await until('writes flow', () => load.acknowledged > 20);
  await leader.killAll();
  const before = load.acknowledged;
  await until('writes flow again', () => load.acknowledged > before + 50);
  const result = await settle(load);
  await cluster.restart(leader);
  await cluster.waitHealthy(3);
  await proveWrites(reports);
  return `${leader.name}: ${result}; back after restart`;
}

async function cutLeader(network: Network): Promise<string> {
  const leader = await cluster.leader();
  const place = cluster.nodes.indexOf(leader) + 1;
  const rest = cluster.nodes.filter((node) => node !== leader);
  const load = startLoad({ label: 'cut', clients: () => rest.map((node) => node.client(4_000)) });
  await until('writes flow', () => load.acknowledged > 20);
  network.cut(place);
  const before = load.acknowledged;
  await until('the majority writes on', () => load.acknowledged > before + 50);
  const refused = await refusesWritesServesReads(leader);
  network.heal(place);
  await cluster.waitHealthy(3);
  return `${leader.name} cut off: ${refused}; majority: ${await settle(load)}`;
}

async function loseTwo(): Promise<string> {
  const [survivor, ...lost] = cluster.nodes;
  ensure(survivor !== undefined, 'there is a node');
  for (const node of lost) await node.killAll();
  const result = await refusesWritesServesReads(survivor);
  return `${survivor.name} alone: ${result}`;
}

async function heal(): Promise<string> {
  for (const node of cluster.nodes.filter((one) => !one.running)) await node.start();
  for (const node of cluster.nodes) await node.waitReady();
  await cluster.waitHealthy(3);
  await proveWrites(reports);
  return `${await writeAndReadEverywhere(cluster.nodes)}; every earlier write on every node`;
}

async function main(): Promise<void> {
  ensure(existsSync(DAEMON), `there is no ${DAEMON}: build it with npm run build`);
  const obstacle = networkObstacle();
  const network = obstacle ? undefined : createNetwork(workspace, 3);
  for (let index = 1; index <= 3; index++) {
    const place = network ? network.place(index) : { host: workspace.loopback(index) };
    cluster.add({ name: `node-${index}`, ...place });
  }
  say(`Testing in ${workspace.dir}, ${network ? 'each node in a network namespace' : 'on loopback addresses'}:`);
  await list.check('one node founds a cluster and has its first admin', async () => {
    await cluster.found();
    return (await cluster.view()).quorum.sentence;
  });
  const grown = await list.check('it grows live to three voters by join tokens alone, losing no write', growth);
  if (!grown) return;
  await list.check('every node accepts writes, every node shows them', () => writeAndReadEverywhere(cluster.nodes));
  await list.check('kill -9 of the leader: writes go on, it heals on restart', killLeader);
  await list.check('a network cut of the leader: the majority writes on, the minority only reads', async () => {
    if (!network) throw new Error(obstacle);
    return cutLeader(network);
  });
  await list.check('two of three lost: writes are refused, reads served', loseTwo);
  await list.check('it heals when they are started again, with everything there', heal);
}

try {
  await main();
} catch (error) {
  await list.check('the run itself', () => Promise.reject(error));
} finally {
  if (list.results.some((result) => !result.ok)) say(`\n${cluster.logs()}\n`);
  await workspace.close();
}
say(`\n${list.table()}`);
process.exit(list.allHeld ? 0 : 1);
