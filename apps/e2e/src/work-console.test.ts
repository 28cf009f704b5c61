import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { serviceRoutes } from '@quorate/shared/services';
import { sessionRoutes } from '@quorate/shared/session';
import { userRoutes } from '@quorate/shared/users';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { collectComplaints, launchBrowser, screenshot, violationsOf } from './harness/browser';
import { holdSession, lookAt, newContext } from './harness/console';
import { Runner } from './harness/runner';
import { addNodes, useCluster } from './harness/suite';
import { until } from './harness/until';

const JOIN_STRING = /^127\.[\d.]+:\d+\/qj_[\w-]{43}\/\S+$/;
const VIEWER = { username: 'watcher', password: 'a viewer of the console' };
/** Listens where it is told to, and tells that it does. */
const SERVER = `require('node:http').createServer((_, answer) => answer.end('ok')).listen(process.env.PORT, () => console.log('listening on', process.env.PORT))`;

describe('runners, jobs and services in the console', () => {
  const suite = useCluster(async (it) => {
    addNodes(it, 1);
    await it.cluster.found();
  });
  const { cluster, workspace } = suite;
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;
  let complaints: string[] = [];
  let runner: Runner;

  beforeAll(async () => {
    browser = await launchBrowser();
    context = await newContext(browser);
    await holdSession(context, cluster.node(0), cluster.token);
    page = await context.newPage();
    complaints = collectComplaints(page);
    await page.goto(`${cluster.node(0).url}/runners`);
    runner = new Runner(cluster, { name: 'runner-1', labels: { zone: 'a' } });
  });
  afterAll(() => browser?.close());

  const button = (name: string | RegExp) => page.getByRole('button', { name });
  const go = (name: string) => page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name }).click();
  const looksGood = async (name: string): Promise<void> => {
    expect(await violationsOf(page), name).toEqual([]);
    await screenshot(page, `work-${name}`);
  };

  it('mints a token for a runner, which appears while the dialog is open', async () => {
    await page.getByRole('row', { name: /node-1.*inside node 1/ }).waitFor();
    await button('Add a runner').click();
    await looksGood('runner-mint');
    await button('Mint token').click();
    const dialog = page.getByRole('dialog', { name: 'Run this on the runner host' });
    const joinString = await until('the join string is shown', async () =>
      (await dialog.locator('code').allTextContents()).find((text) => JOIN_STRING.test(text)),
    );
    runner.spawn(joinString);
    const joins = dialog.getByRole('region', { name: 'Joins with this token' });
    await joins.getByText('runner-1').waitFor();
    await looksGood('runner-minted');
    await button('Done').click();
    const row = page.getByRole('row', { name: /runner-1.*own host/ });
    await row.getByText('zone=a').waitFor();
    await row.getByText('Online').waitFor();
  });

  it('submits a job and shows its output while it runs', async () => {
    const gate = join(workspace.dir, 'gate');
    await go('Jobs');
    await page.getByText('No job yet').waitFor();
    await looksGood('jobs-empty');
    await button('Submit a job').click();
    const form = page.getByRole('dialog', { name: 'Submit a job' });
    await form.getByLabel('Environment').fill('GATE');
    await form.getByRole('button', { name: 'Submit job' }).click();
    await form.getByText('“GATE” has no value').waitFor();
    await form.getByLabel('Command').fill('/bin/sh');
    await form
      .getByLabel('Arguments')
      .fill('-c\necho at first; until [ -e "$GATE" ]; do sleep 0.1; done; echo at last');
    await form.getByLabel('Environment').fill(`GATE=${gate}`);
    await form.getByLabel('Runner must have labels').fill('zone=a');
    await looksGood('job-submit');
    await form.getByRole('button', { name: 'Submit job' }).click();

    const output = page.getByRole('region', { name: 'Output' });
    await output.getByText('at first').waitFor();
    await page.getByText('Running', { exact: true }).first().waitFor();
    expect(await output.getByText('at last').count()).toBe(0);
    await looksGood('job-running');
    writeFileSync(gate, '');
    await output.getByText('at last').waitFor();
    await page.getByText('Succeeded', { exact: true }).first().waitFor();
    await page.getByText('Complete', { exact: true }).waitFor();
  });

  it('says why a job waits, cancels it, and schedules another', async () => {
    await button('Submit one like it').click();
    const form = page.getByRole('dialog', { name: 'Submit a job like it' });
    await form.getByLabel('Runner must have labels').fill('zone=nowhere');
    await form.getByRole('button', { name: 'Submit job' }).click();
    await page.getByText('No runner has the labels zone=nowhere').first().waitFor();
    await button('Cancel job').click();
    await page.getByText('Cancelled', { exact: true }).first().waitFor();
    await button('Submit one like it').click();
    await form.getByLabel('What').selectOption('service.restart');
    await form.getByLabel('Services').fill('Nope');
    await form.getByRole('button', { name: 'Submit job' }).click();
    await form.getByText('use lower-case letters').waitFor();
    await form.getByLabel('Services').fill('nope');
    await form.getByRole('button', { name: 'Submit job' }).click();
    await page.getByText('Failed', { exact: true }).first().waitFor();
    await page.getByText('there is no service nope').first().waitFor();
    await button('All jobs').click();
    await page.getByRole('tab', { name: 'Schedules' }).click();
    await button('New schedule').click();
    const schedule = page.getByRole('dialog', { name: 'New schedule' });
    await schedule.getByLabel('Name').fill('nightly');
    await schedule.getByLabel('Cron expression').fill('61 * * * *');
    await schedule.getByLabel('Command').fill('/bin/true');
    await schedule.getByRole('button', { name: 'Create schedule' }).click();
    // The server alone reads cron; its pointer marks the field.
    await until(
      'the expression is refused',
      async () => (await schedule.getByLabel('Cron expression').getAttribute('aria-invalid')) === 'true',
    );
    await looksGood('schedule-refused');
    await schedule.getByLabel('Cron expression').fill('0 3 * * *');
    await schedule.getByRole('button', { name: 'Create schedule' }).click();
    await page.getByText('has not run yet').waitFor();
    await looksGood('schedules');
  });

  it('runs a service, scales it, and rolls a bad revision back', async () => {
    await go('Services');
    await page.getByText('No service yet').waitFor();
    await looksGood('services-empty');
    await button('New service').click();
    const form = page.getByRole('dialog', { name: 'New service' });
    await form.getByLabel('Name', { exact: true }).fill('Web');
    await form.getByLabel('Command', { exact: true }).fill(process.execPath);
    await form.getByLabel('Arguments').fill(`-e\n${SERVER}`);
    await form.getByLabel('Names').fill('http');
    await form.getByLabel('Check').selectOption('http');
    await form.getByLabel('Every (s)').fill('1');
    await form.getByRole('button', { name: 'Run service' }).click();
    await form.getByText('use lower-case letters').waitFor();
    await form.getByText('name one of the ports').waitFor();
    await looksGood('service-refused');
    await form.getByLabel('Name', { exact: true }).fill('web');
    await form.getByLabel('Port', { exact: true }).selectOption('http');
    await form.getByRole('button', { name: 'Run service' }).click();
    await page.getByText('1 of 1 healthy').first().waitFor();

    await button('Scale').click();
    const scale = page.getByRole('dialog', { name: 'Scale web' });
    await scale.getByLabel('Replicas').fill('3');
    await scale.getByRole('button', { name: 'Scale' }).click();
    await page.getByText('3 of 3 healthy').first().waitFor();
    const table = page.getByRole('region', { name: 'Replicas' });
    await until('three replicas are healthy', async () => (await table.getByText('Healthy').count()) === 3);
    await looksGood('service');

    await button('Output of replica 2').click();
    const output = page.getByRole('region', { name: 'Output' });
    await output.getByText('listening on').waitFor();
    expect(await page.getByLabel('Replica', { exact: true }).inputValue()).toBe('2');
    await looksGood('service-output');
    await page.getByRole('tab', { name: 'Replicas' }).click();

    await button('Edit').click();
    const edit = page.getByRole('dialog', { name: 'Edit web' });
    await edit.getByLabel('Command', { exact: true }).fill('/no/such/program');
    await edit.getByRole('button', { name: 'Roll out' }).click();
    await page.getByText('Rolled back', { exact: true }).first().waitFor();
    await page.getByText('3 of 3 healthy').first().waitFor();
    await looksGood('service-rolled-back');
    await page.getByRole('tab', { name: 'Revisions' }).click();
    await page.getByText('/no/such/program').first().waitFor();
    await looksGood('service-revisions');
    const { spec } = await cluster
      .node(0)
      .client()
      .call(serviceRoutes.get, { params: { name: 'web' } });
    expect(spec.command).toBe(process.execPath);
  });

  it('takes a specification as JSON, and overwrites nothing that was saved meanwhile', async () => {
    const client = cluster.node(0).client();
    const web = { params: { name: 'web' } };
    const { spec } = await client.call(serviceRoutes.get, web);
    await button('Actions for web').click();
    await page.getByRole('menuitem', { name: 'Edit as JSON…' }).click();
    const edit = page.getByRole('dialog', { name: 'Edit web' });
    const text = edit.getByLabel('Specification');
    const write = (change: object) => text.fill(JSON.stringify({ ...spec, ...change }, null, 2));
    const rollOut = edit.getByRole('button', { name: 'Roll out' });
    expect(JSON.parse(await text.inputValue())).toEqual(spec);
    await write({ health: { ...spec.health, port: 'admin' } });
    await rollOut.click();
    await edit.getByText('name one of the ports').waitFor();
    await edit.getByRole('button', { name: /^Line \d+$/ }).click();
    await looksGood('service-json-refused');

    await client.call(serviceRoutes.update, { ...web, body: { spec: { ...spec, max_unavailable: 2 }, system: false } });
    await write({ env: { MODE: 'json' } });
    await rollOut.click();
    await edit.getByText('Somebody saved other settings meanwhile').waitFor();
    expect(JSON.parse(await text.inputValue()).env).toEqual({ MODE: 'json' });
    await edit.getByRole('button', { name: 'Load the current settings' }).click();
    await until('what the other one saved is shown', async () =>
      (await text.inputValue()).includes('"max_unavailable": 2'),
    );
    await write({ env: { MODE: 'json' }, max_unavailable: 2 });
    await rollOut.click();
    await edit.waitFor({ state: 'detached' });
    const saved = await client.call(serviceRoutes.get, web);
    expect(saved.spec).toEqual({ ...spec, env: { MODE: 'json' }, max_unavailable: 2 });

    await button('All services').click();
    await button('New service').click();
    const form = page.getByRole('dialog', { name: 'New service' });
    await form.getByLabel('Name', { exact: true }).fill('as-text');
    await form.getByLabel('Command', { exact: true }).fill('sleep');
    await form.getByRole('button', { name: 'Edit as JSON' }).click();
    expect(JSON.parse(await form.getByLabel('Specification').inputValue()).command).toBe('sleep');
    await form.getByLabel('Specification').fill('command: sleep\nargs: ["1000"]\nevn: {}');
    await form.getByRole('button', { name: 'Edit as a form' }).click();
    await form.getByText('unknown field').waitFor();
    await form.getByLabel('Specification').fill('command: sleep\nargs: ["1000"]');
    await form.getByRole('button', { name: 'Edit as a form' }).click();
    expect(await form.getByLabel('Arguments').inputValue()).toBe('1000');
    await form.getByRole('button', { name: 'Edit as JSON' }).click();
    await form.getByRole('button', { name: 'Run service' }).click();
    await page.getByRole('heading', { level: 1, name: 'as-text' }).waitFor();
    await client.call(serviceRoutes.remove, { params: { name: 'as-text' } });
  });

  it('says what a runner has by name, with the way there', async () => {
    await go('Runners');
    await page.getByRole('button', { name: 'runner-1', exact: true }).click();
    const dialog = page.getByRole('dialog', { name: 'runner-1' });
    const replicas = dialog.getByRole('region', { name: 'Replicas' });
    await replicas
      .getByRole('link', { name: /^web\/\d$/ })
      .first()
      .waitFor();
    await dialog.getByText('It has no job now.').waitFor();
    await replicas.getByRole('link').first().click();
    await page.getByRole('heading', { level: 1, name: 'web' }).waitFor();
  });

  it('lets the load decide, and then takes no number by hand', async () => {
    await page.getByRole('tab', { name: 'Autoscaling' }).click();
    await page.getByLabel('Let the load decide').click();
    await page.getByLabel('At least').fill('4');
    await page.getByLabel('At most').fill('3');
    await button('Save').click();
    await page.getByText('must not be below min').waitFor();
    await page.getByLabel('At least').fill('2');
    await button('Save').click();
    await page.getByRole('img', { name: /^Replicas wanted/ }).waitFor();
    await looksGood('autoscaling');
    await button('Scale').waitFor({ state: 'detached' });
  });

  it('says why HA mode cannot be switched on with one node', async () => {
    await go('HA mode');
    await page.getByText('HA mode needs 3 voting nodes; this cluster has 1.').waitFor();
    expect(await page.getByRole('switch', { name: 'HA mode' }).isDisabled()).toBe(true);
    await page.getByText('Cannot be switched on: 1 of the 3 voting nodes that it needs.').waitFor();
    await page.getByLabel('Move replicas after (s)').fill('5');
    await button('Save').click();
    await until('the delay is refused', async () => {
      const marked = await page.getByLabel('Move replicas after (s)').getAttribute('aria-invalid');
      return marked === 'true';
    });
    await looksGood('ha-one-node');
  });

  it('shows everything to a viewer, who can change nothing', async () => {
    const create = { ...VIEWER, role: 'viewer' as const };
    await cluster.node(0).client().call(userRoutes.create, { body: create });
    const { token } = await cluster.node(0).client().call(sessionRoutes.create, { body: VIEWER });
    const other = await newContext(browser);
    await holdSession(other, cluster.node(0), token ?? undefined);
    const watcher = await other.newPage();
    for (const [path, action] of [
      ['/runners', 'Add a runner'],
      ['/jobs', 'Submit a job'],
      ['/services', 'New service'],
      ['/ha', 'Update node by node'],
      ['/services?service=web', 'Restart'],
    ] as const) {
      await watcher.goto(cluster.node(0).url + path);
      const locked = watcher.getByRole('button', { name: action, exact: true });
      await until(`${action} is locked`, async () => (await locked.getAttribute('aria-disabled')) === 'true');
    }
    await watcher
      .getByText(/of \d healthy/)
      .first()
      .waitFor();
    await other.close();
  });

  it('has no accessibility violation in light and dark, and fits a phone', async () => {
    const found = await lookAt(page, cluster.node(0).url, [
      { path: '/runners', title: 'Runners' },
      { path: '/runners?runner=runner-1', title: 'Runners' },
      { path: '/jobs', title: 'Jobs' },
      { path: '/jobs?tab=schedules', title: 'Jobs', seen: true },
      { path: '/services', title: 'Services' },
      { path: '/ha', title: 'HA mode', seen: true },
      { path: '/', title: 'Overview' },
      { path: '/services?service=web', title: 'web', seen: true },
      { path: '/services?service=web&tab=output', title: 'web', seen: true },
      { path: '/services?service=web&tab=autoscaling', title: 'web', seen: true },
    ]);
    expect(found).toEqual([]);
    expect(complaints).toEqual([]);
  }, 480_000);
});
