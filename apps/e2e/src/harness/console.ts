import { SESSION_COOKIE } from '@quorate/shared/session';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { screenshot, violationsOf } from './browser';
import type { Daemon } from './daemon';
import { PATIENCE_MS, until } from './until';

const WIDE = { width: 1440, height: 900 };
const PHONE = { width: 390, height: 844 };

/** A context of its own, in which nothing moves longer than it must. */
export async function newContext(browser: Browser): Promise<BrowserContext> {
  const context = await browser.newContext({ viewport: WIDE, reducedMotion: 'reduce', acceptDownloads: true });
  context.setDefaultTimeout(PATIENCE_MS);
  return context;
}

/** The session of a token as a browser holds it; any node takes it. The sign-in page has a test of its own. */
export async function holdSession(context: BrowserContext, node: Daemon, token = ''): Promise<void> {
  await context.addCookies([{ name: SESSION_COOKIE, value: token, url: node.url, httpOnly: true, sameSite: 'Strict' }]);
}

export interface Place {
  readonly path: string;
  /** Of its heading. */
  readonly title: string;
  /** A test has looked at it in the light already. */
  readonly seen?: boolean;
}

/** Opens each place once: accessible in light and dark, and no wider than a phone. What is wrong, by place. */
export async function lookAt(page: Page, url: string, places: readonly Place[]): Promise<string[]> {
  const found: string[] = [];
  for (const { path, title, seen = false } of places) {
    await page.setViewportSize(WIDE);
    await page.goto(url + path);
    // Not by its role: a dialog hides what is behind it.
    await page.locator('h1', { hasText: title }).waitFor();
    await page.locator('[role="status"][aria-label="Loading"]').first().waitFor({ state: 'detached' });
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      await page.locator(`html.${colorScheme}`).waitFor();
      await screenshot(page, `${nameOf(path)}-${colorScheme}`);
      if (seen && colorScheme === 'light') continue;
      // A theme is colours and nothing else.
      const violations = await violationsOf(page, seen || colorScheme === 'light' ? 'everything' : 'colours');
      found.push(...violations.map((violation) => `${path}, ${colorScheme}: ${violation}`));
    }
    await page.setViewportSize(PHONE);
    const width = await widthOnceSettled(page);
    if (width > PHONE.width) found.push(`${path} at ${PHONE.width} pixels is ${width} pixels wide`);
    await screenshot(page, `${nameOf(path)}-phone`);
  }
  await page.setViewportSize(WIDE);
  return found;
}

/** The first frame after a change of the size may still be laid out for the old one: the page gets its time to fit. */
async function widthOnceSettled(page: Page): Promise<number> {
  let width = 0;
  await until('the page fits', async () => {
    width = await page.evaluate<number>('document.documentElement.scrollWidth');
    return width <= PHONE.width;
  }).catch(() => {});
  return width;
}

const nameOf = (path: string): string => path.replace(/\W+/g, '-').replace(/^-|-$/g, '') || 'overview';
