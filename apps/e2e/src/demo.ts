// npm run demo: three real nodes grown from one by join tokens, a real HAProxy in front, until Ctrl-C.
import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { ADMIN, Cluster } from './harness/cluster';
import { API_PORT } from './harness/daemon';
import { configureLoadBalancer, startHaproxy } from './harness/haproxy';
import { DAEMON } from './harness/paths';
import { accepts } from './harness/ports';
import { createWorkspace, stopOrderly } from './harness/workspace';

const HOSTS = ['127.0.0.11', '127.0.0.12', '127.0.0.13'];
const BALANCER = '127.0.0.1:8400';
const USAGE = `npm run demo [-- --exit-after-ready]

Runs three nodes on ${HOSTS.join(', ')} behind HAProxy on http://${BALANCER} until Ctrl-C.

  --exit-after-ready  stop and clean up as soon as everything runs
  --help              this text`;

const say = (line: string): void => void process.stdout.write(`${line}\n`);

function readOptions(): { exitAfterReady: boolean } {
  try {
    const { values } = parseArgs({ options: { 'exit-after-ready': { type: 'boolean' }, help: { type: 'boolean' } } });
    if (values.help) {
      say(USAGE);
      process.exit(0);
    }
    return { exitAfterReady: values['exit-after-ready'] === true };
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}\n`);
    process.exit(2);
  }
}

const options = readOptions();
stopOrderly();
const workspace = createWorkspace();
const cluster = new Cluster(workspace);

/** Resolves at the first Ctrl-C or SIGTERM; a second one ends the process at once. */
const interrupted = new Promise<NodeJS.Signals>((resolve) => {
  let seen = false;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (seen) process.exit(130);
      seen = true;
      resolve(signal);
    });
  }
});

/** Says what begins and how long it took: one line each, fit for a terminal and a log alike. */
async function step<T>(what: string, work: () => Promise<T>): Promise<T> {
  const started = performance.now();
  if (process.stdout.isTTY) process.stdout.write(`  …     ${what}`);
  const result = await work();
  const seconds = `${((performance.now() - started) / 1000).toFixed(1)} s`.padEnd(7);
  say(`${process.stdout.isTTY ? '\r' : ''}  ${seconds} ${what}`);
  return result;
}

/** @throws Error naming the address that another program, perhaps another demo, already uses */
async function requireFreePorts(): Promise<void> {
  for (const address of [BALANCER, ...HOSTS.map((host) => `${host}:${API_PORT}`)]) {
    const [host = '', port] = address.split(':');
    if (await accepts(host, Number(port))) throw new Error(`${address} is in use: is another demo running?`);
  }
}

async function bringUp(): Promise<void> {
  if (!existsSync(DAEMON)) throw new Error(`there is no ${DAEMON}: build it with npm run build`);
  await requireFreePorts();
  for (const [index, host] of HOSTS.entries()) cluster.add({ name: `node-${index + 1}`, host });
  const [first, ...joiners] = cluster.nodes;
  if (!first) throw new Error('no node is configured');
  say(`Quorate demo in ${workspace.dir}`);
  await step(`${first.name} runs alone and has its first admin`, () => cluster.found());
  for (const joiner of joiners) {
    await step(`${joiner.name} joined by a token: learner, caught up, voter`, () => cluster.join(joiner));
  }
  await step('three voters, every node healthy', () => cluster.waitHealthy(3));
  await step(`HAProxy runs on ${BALANCER} with the configuration from the API`, async () => {
    const config = await configureLoadBalancer(first.client(), { tls: 'plain', bind: BALANCER });
    await startHaproxy(workspace, { name: 'haproxy', config, bind: BALANCER });
  });
}

function introduce(): void {
  const nodes = cluster.nodes.map((node) => `  ${node.name}         ${node.url}`);
  say(
    [
      '',
      `  Console        http://${BALANCER}   (through HAProxy)`,
      ...nodes.map((line) => line.padEnd(16)),
      `  User           ${ADMIN}`,
      `  Password       ${cluster.password}`,
      '',
      '  Things to try: sign in, then take a node away and watch the quorum:',
      ...cluster.nodes.map((node) => `    kill -9 ${node.pid}   # ${node.name}`),
      `  Logs are in ${workspace.dir}/logs. Ctrl-C stops everything and cleans up.`,
      '',
    ].join('\n'),
  );
}

async function stopAll(): Promise<void> {
  say('\nStopping …');
  // Followers first: a leader that goes last hands over to nobody and loses nothing.
  await Promise.all(cluster.running().map((node) => node.stop()));
  await workspace.close();
  say('Stopped; nothing is left behind.');
}

let status = 0;
try {
  const ready = bringUp();
  const outcome = await Promise.race([ready.then(() => 'ready' as const), interrupted]);
  if (outcome === 'ready') {
    introduce();
    if (!options.exitAfterReady) await interrupted;
  } else {
    // Whatever was under way fails now that its processes go.
    ready.catch(() => {});
  }
} catch (error) {
  process.stderr.write(`\nThe demo cannot run: ${error instanceof Error ? error.message : String(error)}\n`);
  status = 1;
}
await stopAll().catch(() => workspace.close());
process.exit(status);
