import { join } from 'node:path';
import { backupRoutes } from '@quorate/shared/backups';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { collectComplaints, launchBrowser, screenshot, violationsOf } from './harness/browser';
import { holdSession, newContext } from './harness/console';
import { listTokens } from './harness/load';
import { addNodes, useCluster } from './harness/suite';
import { until } from './harness/until';
import { write } from './harness/writes';

/** A passphrase is stretched on purpose, which takes a busy machine its time. */
const STRETCHED_MS = 180_000;

describe('backups in the console', () => {
  const suite = useCluster(async (it) => {
    addNodes(it, 1);
    await it.cluster.found();
  });
  const { cluster, workspace } = suite;
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;
  let complaints: string[] = [];
  const passphrase = 'correct horse battery staple';

  beforeAll(async () => {
    browser = await launchBrowser();
    context = await newContext(browser);
    await holdSession(context, cluster.node(0), cluster.token);
    page = await context.newPage();
    complaints = collectComplaints(page);
    await page.goto(`${cluster.node(0).url}/backups`);
  });
  afterAll(() => browser?.close());

  const client = () => cluster.node(0).client();
  const names = async (): Promise<string[]> => (await listTokens(client(), 0)).map(({ name }) => name);
  const button = (name: string | RegExp) => page.getByRole('button', { name });
  const looksGood = async (name: string): Promise<void> => {
    expect(await violationsOf(page), name).toEqual([]);
    await screenshot(page, `backups-${name}`);
  };

  async function confirmAndFollow(): Promise<void> {
    await page.getByLabel('Type e2e to confirm').fill('e2e');
    await button('Restore').last().click();
    await page.getByText('The restored state is in force').waitFor({ timeout: STRETCHED_MS });
    await looksGood('restored');
    await button('Done').click();
  }

  it('makes one, shows what is in it, downloads and restores it', async () => {
    await page.getByText('No backups yet').waitFor();
    await looksGood('empty');
    await write(client(), 'kept');
    await button('Back up now').click();
    await page.getByLabel('Note').fill('by hand');
    await looksGood('create');
    await button('Back up').last().click();
    await page.getByText('Good').waitFor();
    await write(client(), 'undone');
    await button(/^Open /).click();
    await page.getByText('SHA-256').waitFor();
    await looksGood('detail');
    const downloading = page.waitForEvent('download');
    await page.getByRole('link', { name: 'Download' }).click();
    await (await downloading).saveAs(file());
    await button('Restore…').click();
    await page.getByText('What will happen').waitFor();
    await looksGood('confirm');
    await confirmAndFollow();
    expect(await names()).toEqual(['kept']);
    // The console goes on with the session that it had.
    await page.getByRole('link', { name: 'Events' }).click();
    await page
      .getByText(/the cluster was restored from/)
      .first()
      .waitFor();
  });
  const file = (): string => join(workspace.dir, 'downloaded.db');

  it('restores an uploaded file, after it has looked into it', async () => {
    await write(client(), 'undone-too');
    await page.getByRole('navigation').getByRole('link', { name: 'Backups' }).click();
    await button('Restore from a file').click();
    await page.getByLabel('Backup or state file').setInputFiles(join(workspace.dir, 'logs/node-1.log'));
    await button('Look into it').click();
    await page.getByText('The file is no Quorate state').first().waitFor();
    await looksGood('wizard-refused');
    await page.getByLabel('Backup or state file').setInputFiles(file());
    await button('Look into it').click();
    await page.getByText('What will happen').waitFor();
    await confirmAndFollow();
    expect(await names()).toEqual(['kept']);
  });

  it('sets schedule and encryption, and asks for the passphrase of a backup', async () => {
    await page.getByRole('tab', { name: 'Schedule and encryption' }).click();
    await page.getByRole('switch', { name: 'Back up on a schedule' }).click();
    await page.getByLabel('When').fill('every night');
    await button('Save schedule').click();
    await page
      .getByText(/not a cron expression/)
      .first()
      .waitFor();
    await page.getByLabel('When').fill('30 2 * * *');
    await button('Save schedule').click();
    await until('the schedule is set', async () => (await client().call(backupRoutes.schedule, {})).enabled);
    await page.getByLabel('New backups').selectOption('passphrase');
    await page.getByLabel('Passphrase').fill(passphrase);
    await looksGood('schedule');
    await button('Save encryption').click();
    await until('encryption is set', async () => {
      return (await client().call(backupRoutes.encryption, {})).mode === 'passphrase';
    });
    const { id } = await client().call(backupRoutes.create, { body: {} });
    await until(
      'it is made',
      async () => (await client().call(backupRoutes.get, { params: { id } })).state === 'completed',
      { boundMs: STRETCHED_MS },
    );
    await page.getByRole('tab', { name: 'Backups' }).click();
    await page.getByRole('button', { name: /^Restore .*age$/ }).click();
    await page.getByLabel('Passphrase or identity').fill('a wrong passphrase');
    await page.getByLabel('Type e2e to confirm').fill('e2e');
    await button('Restore').last().click();
    await page.getByText('The key does not open the file').waitFor({ timeout: STRETCHED_MS });
    await looksGood('wrong-key');
    await page.getByLabel('Passphrase or identity').fill(passphrase);
    await confirmAndFollow();
    expect(complaints).toEqual([]);
  }, 480_000);

  it('keeps the target of the schedule, also when the page is opened on it', async () => {
    const { id } = await client().call(backupRoutes.createTarget, {
      body: {
        name: 'offsite',
        endpoint: 'http://127.0.0.1:1',
        bucket: 'backups',
        access_key_id: 'id',
        secret_access_key: 'secret',
      },
    });
    const schedule = await client().call(backupRoutes.schedule, {});
    const { enabled, cron, time_zone, keep_count, keep_days } = schedule;
    await client().call(backupRoutes.setSchedule, {
      body: { enabled, cron, time_zone, keep_count, keep_days, target: id },
    });
    await page.goto(`${cluster.node(0).url}/backups?tab=schedule`);
    await page.getByRole('option', { name: 'offsite (backups)' }).waitFor({ state: 'attached' });
    expect(await page.getByRole('combobox', { name: 'Target' }).inputValue()).toBe(id);
    await page.getByLabel('When').fill('45 4 * * *');
    await button('Save schedule').click();
    await until('the schedule is saved', async () => {
      const saved = await client().call(backupRoutes.schedule, {});
      return saved.cron === '45 4 * * *' && saved.target === id;
    });
    await page.getByRole('tab', { name: 'Targets' }).click();
    await button('Remove offsite').click();
    await looksGood('target-remove');
    await button('Cancel').click();
    await button('Add a target').click();
    await looksGood('target-add');
    await button('Cancel').click();
  });

  it('fits a phone in the dark', async () => {
    await page.setViewportSize({ width: 390, height: 844 });
    await page.emulateMedia({ colorScheme: 'dark' });
    for (const tab of ['Backups', 'Schedule and encryption', 'Targets']) {
      await page.getByRole('tab', { name: tab }).click();
      await looksGood(`phone-${tab.toLowerCase().replaceAll(' ', '-')}`);
      const width = await page.evaluate('document.documentElement.scrollWidth');
      expect(width, tab).toBeLessThanOrEqual(390);
    }
  });
});
