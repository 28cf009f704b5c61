import { clusterRoutes } from '@quorate/shared/cluster';
import { defineRoute } from '@quorate/shared/route';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { Daemon } from './harness/daemon';
import { type Load, type LoadReport, startLoad } from './harness/load';
import { buildNextVersion, NEXT_VERSION } from './harness/next-version';
import { DAEMON } from './harness/paths';
import { addNodes, lossesOf, note, useCluster } from './harness/suite';
import { until } from './harness/until';
import { refusalOf } from './harness/writes';

/** What the next version adds to the contract. */
const noteBody = z.object({ text: z.string() });
const common = { path: '/v1/notes', access: 'viewer', tag: 'Notes' } as const;
const notes = {
  create: defineRoute({ ...common, id: 'notes.create', method: 'post', summary: 'Add', body: noteBody, status: 201 }),
  list: defineRoute({
    ...common,
    id: 'notes.list',
    method: 'get',
    summary: 'List',
    response: z.object({ items: z.array(noteBody) }),
  }),
};

describe('an upgrade', () => {
  let next = '';
  const suite = useCluster(async ({ cluster, workspace }) => {
    next = await buildNextVersion(`${workspace.dir}/next`);
    addNodes({ cluster, workspace }, 3);
    await cluster.grow();
  });
  const { cluster, workspace } = suite;

  const addNote = (at: Daemon, text: string) => at.client().call(notes.create, { body: { text } });
  const readNotes = async (at: Daemon): Promise<string[]> =>
    (await at.client().call(notes.list, {})).items.map(({ text }) => text);
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
      expect(await refusalOf(addNote(first, 'too early'))).toMatchObject({ status: 503, code: 'upgrade_required' });
      expect(await refusalOf(addNote(second, 'unknown there'))).toMatchObject({ status: 404 });
      const skewed = await cluster.view(second);
      expect(skewed.members.map(({ version }) => version).filter((version) => version === NEXT_VERSION)).toHaveLength(
        1,
      );
      await upgrade(second);
      expect(await refusalOf(addNote(first, 'still too early'))).toMatchObject({ code: 'upgrade_required' });
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
    await until('every member knows the new command', () => addNote(cluster.node(0), 'first').then(() => true));
    for (const node of cluster.nodes) {
      await until(`${node.name} has it`, async () => (await readNotes(node)).includes('first'));
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
