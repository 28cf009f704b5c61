import { readFileSync, rmSync } from 'node:fs';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { collectComplaints, launchBrowser, screenshot, violationsOf } from './harness/browser';
import { ADMIN } from './harness/cluster';
import { holdSession, lookAt, newContext } from './harness/console';
import type { Daemon } from './harness/daemon';
import { configureLoadBalancer, startHaproxy } from './harness/haproxy';
import { addNodes, useCluster } from './harness/suite';
import { until } from './harness/until';

const BALANCER_PORT = 8400;
const JOIN_STRING = /(127\.[\d.]+:\d+)\/(qj_[\w-]{43})\/(?:sha256:)?([0-9a-f]{64})/;

describe('the console in Chromium', () => {
  const suite = useCluster(async (it) => {
    addNodes(it, 3);
    await it.cluster.node(0).start();
  });
  const { cluster, workspace } = suite;
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;
  let complaints: string[] = [];

  beforeAll(async () => {
    browser = await launchBrowser();
    context = await newContext(browser);
    page = await context.newPage();
    complaints = collectComplaints(page);
  });
  afterAll(() => browser?.close());

  const heading = (name: string, at = page) => at.getByRole('heading', { level: 1, name });

  it('creates the first admin and signs in', async () => {
    await page.goto(cluster.node(0).url);
    await page.waitForURL('**/setup');
    await heading('Create the first admin').waitFor();
    expect(await violationsOf(page)).toEqual([]);
    await screenshot(page, 'setup');
    await page.getByLabel('Cluster name').fill('Console test');
    await page.getByLabel('User name').fill(ADMIN);
    await page.getByLabel('Password').fill(cluster.password);
    await page.getByRole('button', { name: 'Create the admin' }).click();
    await heading('Overview').waitFor();
    await page.getByText('One node on the embedded log').first().waitFor();
    await cluster.signIn(cluster.node(0));
    await screenshot(page, 'overview-single');
  });

  it('signs out and in again', async () => {
    await page.getByRole('button', { name: /^Account/ }).click();
    await page.getByRole('menuitem', { name: 'Sign out' }).click();
    await page.waitForURL('**/sign-in**');
    await page.getByLabel('User name').fill(ADMIN);
    await page.getByLabel('Password').fill('not the password');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByText('Wrong user name or password').first().waitFor();
    expect(await violationsOf(page)).toEqual([]);
    await screenshot(page, 'sign-in-refused');
    await page.getByLabel('Password').fill(cluster.password);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await heading('Overview').waitFor();
  });

  it('mints a token, with which two nodes join while the page shows them live', async () => {
    await page.getByRole('link', { name: 'Join tokens' }).first().click();
    await page.getByRole('button', { name: 'Mint a join token' }).first().click();
    const form = page.getByRole('dialog', { name: 'Mint a join token' });
    await form.getByLabel('Uses').fill('2');
    expect(await violationsOf(page)).toEqual([]);
    await screenshot(page, 'mint');
    await form.getByRole('button', { name: 'Mint token' }).click();
    const minted = page.getByRole('dialog', { name: 'Run this on the new host' });
    await minted.waitFor();
    const codes = await minted.locator('code').allTextContents();
    const [, , token = '', fingerprint = ''] = JOIN_STRING.exec(codes.join('\n')) ?? [];
    expect(token).not.toBe('');
    const via = cluster.node(0);
    for (const joiner of cluster.nodes.slice(1)) {
      cluster.spawnJoiner(joiner, { via, token, fingerprint: `sha256:${fingerprint}` });
      const joins = minted.getByRole('region', { name: 'Joins with this token' });
      await joins.getByText(joiner.name).first().waitFor();
      await cluster.waitForVoter(joiner.name);
      await joiner.waitReady();
    }
    expect(await violationsOf(page)).toEqual([]);
    await screenshot(page, 'minted');
    await minted.getByRole('button', { name: 'Done' }).click();
    await cluster.waitHealthy(3);

    await page.getByRole('link', { name: 'Overview' }).first().click();
    const quorum = page.getByRole('region', { name: 'Quorum' });
    await quorum.getByText('3 of 3 voters healthy').first().waitFor();
    await page.getByText('Live', { exact: true }).first().waitFor();
    await page.getByRole('link', { name: 'Members' }).first().click();
    const table = page.getByRole('region', { name: 'Members' });
    for (const node of cluster.nodes) await table.getByRole('row', { name: node.name }).waitFor();
    await until('three voters are shown', async () => (await table.getByText('Voter', { exact: true }).count()) === 3);
  });

  it('has no accessibility violation on any page, in light and dark', async () => {
    // Served by another node than the one that the first page came from: the session counts there, too.
    const node = cluster.node(1);
    await holdSession(context, node, cluster.token);
    const other = await context.newPage();
    const found = await lookAt(other, node.url, [
      { path: '/', title: 'Overview' },
      { path: '/members', title: 'Members' },
      { path: '/join-tokens', title: 'Join tokens' },
      { path: '/load-balancer', title: 'Load balancer' },
      { path: '/load-balancer?tab=balancers', title: 'Load balancer' },
      { path: '/load-balancer?tab=revisions', title: 'Load balancer' },
      { path: '/connector', title: 'Connector' },
      { path: '/load-balancer?tab=check', title: 'Load balancer' },
      { path: '/events', title: 'Events' },
      { path: '/events?tab=failovers', title: 'Events' },
      { path: '/audit', title: 'Audit' },
      { path: '/access', title: 'Users and API tokens' },
      { path: '/access?tab=api-tokens', title: 'Users and API tokens' },
      { path: '/settings', title: 'Settings' },
      // Filtered: looking at all operations at once takes axe ten seconds.
      { path: '/docs?q=join_tokens', title: 'API reference' },
    ]);
    await other.close();
    expect(found).toEqual([]);
  }, 480_000);

  it('still tells the truth and writes through HAProxy when the leader is killed', async () => {
    const bind = `${workspace.loopback(1)}:${BALANCER_PORT}`;
    await configureLoadBalancer(cluster.node(0).client(), { tls: 'plain', bind });
    await page.goto(`${cluster.node(0).url}/load-balancer`);
    const downloading = page.waitForEvent('download');
    await page.getByRole('button', { name: 'Download' }).click();
    const download = await downloading;
    expect(download.suggestedFilename()).toBe('haproxy.cfg');
    const config = readFileSync(await download.path(), 'utf8');
    for (const node of cluster.nodes) expect(config).toContain(node.spec.host);
    await startHaproxy(workspace, { name: 'haproxy', config, bind });

    // Cookies belong to a host, not to a port: the session of the first node counts here too.
    await page.goto(`http://${bind}/`);
    await heading('Overview').waitFor();
    const victim = await leaderOtherThan(cluster.node(0));
    await victim.killAll();
    const quorum = page.getByRole('region', { name: 'Quorum' });
    await quorum.getByText('2 of 3 voters healthy').first().waitFor();
    await page.getByText('Unreachable', { exact: true }).first().waitFor();
    expect(await violationsOf(page)).toEqual([]);
    await screenshot(page, 'overview-one-lost');

    await page.getByRole('link', { name: 'Users and API tokens' }).first().click();
    await page.getByRole('tab', { name: 'API tokens' }).click();
    await page.getByRole('button', { name: 'Create a token' }).first().click();
    const dialog = page.getByRole('dialog', { name: 'Create an API token' });
    await dialog.getByLabel('Name').fill('written-without-the-leader');
    await dialog.getByRole('button', { name: 'Create token' }).click();
    const created = page.getByRole('dialog', { name: 'Token written-without-the-leader' });
    await created.getByRole('button', { name: 'I have stored it' }).click();
    await page.getByRole('row', { name: /written-without-the-leader/ }).waitFor();
  });

  it('replaces the dead member in one flow', async () => {
    const dead = cluster.nodes.find((node) => !node.running) as Daemon;
    const { name } = dead;
    await page.getByRole('link', { name: 'Members' }).first().click();
    await page
      .getByRole('button', { name: `Actions for ${name}` })
      .first()
      .click();
    await page.getByRole('menuitem', { name: /^Replace/ }).click();
    const removal = page.getByRole('dialog', { name: `Replace ${name}` });
    await removal.getByText('tolerates no failure').first().waitFor();
    expect(await violationsOf(page)).toEqual([]);
    await screenshot(page, 'replace');
    await removal.getByLabel(`Type ${name} to confirm`).fill(name);
    await removal.getByRole('button', { name: 'Remove it and go on' }).click();
    const form = page.getByRole('dialog', { name: `Let a new ${name} join` });
    await form.getByRole('button', { name: 'Mint token' }).click();
    const minted = page.getByRole('dialog', { name: 'Run this on the new host' });
    await minted.getByText(`--name ${name}`).first().waitFor();
    const codes = await minted.locator('code').allTextContents();
    const [, , token = '', fingerprint = ''] = JOIN_STRING.exec(codes.join('\n')) ?? [];

    // The same name on another host, with a data directory of its own.
    rmSync(dead.dataDir, { recursive: true });
    const fresh = cluster.add({ name, host: workspace.loopback(7) });
    cluster.nodes.splice(cluster.nodes.indexOf(dead), 1);
    cluster.spawnJoiner(fresh, { via: cluster.node(0), token, fingerprint: `sha256:${fingerprint}` });
    await minted.getByRole('region', { name: 'Joins with this token' }).getByText(name).first().waitFor();
    await cluster.waitForVoter(name);
    await minted.getByRole('button', { name: 'Done' }).click();
    await page.getByRole('link', { name: 'Overview' }).first().click();
    await page.getByRole('region', { name: 'Quorum' }).getByText('3 of 3 voters healthy').first().waitFor();
  });

  it('turns read-only when the quorum is lost, and says so', async () => {
    await cluster.waitHealthy(3);
    await page.goto(cluster.node(0).url);
    await heading('Overview').waitFor();
    for (const node of cluster.nodes.slice(1)) await node.killAll();
    await page.getByText('Read-only: no quorum.').first().waitFor();
    await page.getByText('Quorum lost').first().waitFor();
    expect(await violationsOf(page)).toEqual([]);
    await screenshot(page, 'overview-no-quorum');
    await page.getByRole('button', { name: /alarms?, show them$/ }).click();
    const alarms = page.getByRole('dialog', { name: /alarms?$/ });
    await alarms.getByText('quorum_lost').waitFor();
    expect(await violationsOf(page)).toEqual([]);
    await screenshot(page, 'alarms-no-quorum');
    await alarms.getByRole('link', { name: 'Members' }).first().click();
    await heading('Members').waitFor();
    await page.getByRole('link', { name: 'Overview' }).first().click();
    for (const node of cluster.nodes.slice(1)) await node.start();
    await page.getByRole('region', { name: 'Quorum' }).getByText('3 of 3 voters healthy').first().waitFor();
    await page.getByText('Read-only: no quorum.').waitFor({ state: 'detached' });
    expect(complaints).toEqual([]);
  });

  /** Leadership goes to another node than the one that served the page, if it has it. */
  async function leaderOtherThan(served: Daemon): Promise<Daemon> {
    const leader = await cluster.leader();
    if (leader !== served) return leader;
    await cluster.moveLeadership();
    return until('another node leads', async () => {
      const next = await cluster.leader();
      return next !== served && next;
    });
  }
});
