import { clusterRoutes } from '@quorate/shared/cluster';
import { describe, expect, it } from 'vitest';
import type { Daemon } from './harness/daemon';
import { type Load, type LoadReport, startLoad } from './harness/load';
import { buildNextVersion, NEXT_VERSION } from './harness/next-version';
import { DAEMON } from './harness/paths';
import { addNodes, lossesOf, note, useCluster } from './harness/suite';
import { until } from './harness/until';

interface NotesAnswer {
  readonly code?: string;
  readonly items?: readonly { readonly text: string }[];
}

describe('an upgrade', () => {
  let next = '';
  const suite = useCluster(async ({ cluster, workspace }) => {
    next = await buildNextVersion(`${workspace.dir}/next`);
    addNodes({ cluster, workspace }, 3);
    await cluster.grow();
  });
  const { cluster, workspace } = suite;

  /** What the next version adds to the contract. */
  async function notes(at: Daemon, body?: { text: string }): Promise<{ status: number; answer: NotesAnswer }> {
    const headers = { authorization: `Bearer ${cluster.token}`, 'content-type': 'application/json' };
    const init = body ? { method: 'POST', body: JSON.stringify(body) } : {};
    const response = await at.connection().fetch(`${at.url}/v1/notes`, { ...init, headers });
    return { status: response.status, answer: (await response.json()) as NotesAnswer };
  }
  const addNote = (at: Daemon, text: string) => notes(at, { text });
  const load = (): Load =>
    startLoad({ label: 'upgrade', clients: () => cluster.running().map((node) => node.client()) });

  async function upgrade(node: Daemon): Promise<void> {
    expect(await node.stop()).toBe(0);
    node.useProgram(next);
    await cluster.restart(node);
    await cluster.waitHealthy(3);
  }

  it('rolls over three nodes under load: followers first, the leader last', async () => {
    const writing = load();
    let report: LoadReport | undefined;
    try {
      const leader = await cluster.leader();
      const followers = await cluster.followers();
      const [first, second] = followers as [Daemon, Daemon];
      await upgrade(first);
      const refused = { status: 503, answer: { code: 'upgrade_required' } };
      expect(await addNote(first, 'too early')).toMatchObject(refused);
      expect(await addNote(second, 'unknown there')).toMatchObject({ status: 404 });
      const skewed = await cluster.view(second);
      expect(skewed.members.map(({ version }) => version).filter((version) => version === NEXT_VERSION)).toHaveLength(
        1,
      );
      await upgrade(second);
      expect(await addNote(first, 'still too early')).toMatchObject(refused);
      await upgrade(leader);
    } finally {
      report = await writing.stop();
    }
    note(
      `${report.acknowledged.length} writes, longest gap ${Math.round(report.longestGapMs)} ms, retried ${JSON.stringify(report.retried)}`,
    );
    expect(await lossesOf(cluster, report)).toEqual([]);
    expect(report.acknowledged.length).toBeGreaterThan(100);
  });

  it('lets the new command in once the last member understands it', async () => {
    const adds = async () => (await addNote(cluster.node(0), 'first')).status === 201;
    await until('every member knows the new command', adds);
    for (const node of cluster.nodes) {
      const has = async () => (await notes(node)).answer.items?.some(({ text }) => text === 'first');
      await until(`${node.name} has it`, has);
      const { members } = await node.client().call(clusterRoutes.get, {});
      expect(members.map(({ version }) => version)).toEqual([NEXT_VERSION, NEXT_VERSION, NEXT_VERSION]);
    }
  });

  it('is not undone by the old program: it refuses the newer state and names the cure', async () => {
    const [node] = (await cluster.followers()) as [Daemon];
    await node.stop();
    node.useProgram(DAEMON);
    node.spawn();
    expect(await node.ended()).toBe(1);
    expect(node.logTail()).toMatch(/written by a newer Quorate .* run that version/);
    node.useProgram(next);
    await cluster.restart(node);
    await cluster.waitHealthy(3);
  });

  it('keeps an old program from joining', async () => {
    const joiner = cluster.add({ name: 'old', host: workspace.loopback(9) });
    cluster.nodes.pop();
    const { token, ca_fingerprint: fingerprint } = await cluster.mint();
    cluster.spawnJoiner(joiner, { via: cluster.node(0), token, fingerprint });
    expect(await joiner.ended()).toBe(1);
    expect(joiner.logTail()).toMatch(/upgrade|newer/i);
  });
});
