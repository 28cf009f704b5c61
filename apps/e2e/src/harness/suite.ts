import { afterAll, afterEach, beforeAll } from 'vitest';
import { Cluster } from './cluster';
import type { LoadReport } from './load';
import { findLosses } from './load';
import { createWorkspace, type Workspace } from './workspace';

export interface Suite {
  readonly workspace: Workspace;
  readonly cluster: Cluster;
}

/**
 * A workspace and a cluster for the tests of one file, ended after them. `start` brings the cluster up. When a test
 * fails, the end of every node's log is printed.
 */
export function useCluster(start: (suite: Suite) => Promise<void>, boundMs = 240_000): Suite {
  const workspace = createWorkspace();
  const cluster = new Cluster(workspace);
  const suite = { workspace, cluster };
  beforeAll(async () => {
    try {
      await start(suite);
    } catch (error) {
      process.stderr.write(`${cluster.logs()}\n`);
      throw error;
    }
  }, boundMs);
  afterEach(({ task }) => {
    if (task.result?.state === 'fail') process.stderr.write(`── after: ${task.name}\n${cluster.logs()}\n`);
  });
  afterAll(() => workspace.close(), 60_000);
  return suite;
}

/** Adds `count` nodes on loopback addresses, `node-1` and on. */
export function addNodes({ workspace, cluster }: Suite, count: number): void {
  const have = cluster.nodes.length;
  for (let index = have + 1; index <= have + count; index++) {
    cluster.add({ name: `node-${index}`, host: workspace.loopback(index) });
  }
}

/** A problem of the load by node, or none: every write was acknowledged, and is everywhere exactly once. */
export async function lossesOf(cluster: Cluster, report: LoadReport): Promise<string[]> {
  const failed = report.failed.map(({ name, error }) => `${name} failed: ${error}`);
  const lost = await Promise.all(
    cluster
      .running()
      .map(async (node) => (await findLosses(report, node.client())).map((loss) => `${node.name}: ${loss}`)),
  );
  return [...failed, ...lost.flat()];
}

/** Keeps a figure beside the test's result. */
export function note(text: string): void {
  process.stdout.write(`    ${text}\n`);
}
