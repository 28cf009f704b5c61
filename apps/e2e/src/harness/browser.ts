import { accessSync, constants, mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, join } from 'node:path';
import type { AxeResults } from 'axe-core';
import { type Browser, chromium, type Page } from 'playwright-core';
import { until } from './until';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

/** CHROMIUM (or CHROMIUM_PATH) names the program, else it is looked for on the PATH. @throws Error with the cure */
function chromiumPath(): string {
  const named = process.env['CHROMIUM'] ?? process.env['CHROMIUM_PATH'];
  if (named) return named;
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/bin'];
  for (const path of NAMES.flatMap((name) => folders.map((folder) => join(folder, name)))) {
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // look further
    }
  }
  throw new Error('there is no Chromium: install it (apt-get install chromium), or set CHROMIUM to its path');
}

export function launchBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: chromiumPath(),
    headless: true,
    // The workspace's own guard ends this process; playwright then takes the browser along.
    handleSIGINT: false,
    handleSIGTERM: false,
    handleSIGHUP: false,
    args: [
      '--no-sandbox',
      '--headless',
      '--disable-gpu',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--no-first-run',
    ],
  });
}

const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** What fades or slides in has come to rest: axe would measure the contrast of a half-transparent text. */
const AT_REST =
  'document.getAnimations().every(({ playState, effect }) => playState !== "running" || effect?.getTiming().iterations === Infinity)';

const RULES = {
  everything: {},
  /** What another theme of the same page can break. */
  colours: { runOnly: { type: 'rule', values: ['color-contrast', 'link-in-text-block'] } },
} as const;

/** Accessibility violations of the page once it is at rest, one line for each element. */
export async function violationsOf(page: Page, rules: keyof typeof RULES = 'everything'): Promise<string[]> {
  await until('nothing on the page moves', () => page.evaluate<boolean>(AT_REST));
  // Evaluated by the debugger: the page's strict content security policy stays in force.
  if (!(await page.evaluate<boolean>('"axe" in window'))) await page.evaluate(axeSource);
  const options = JSON.stringify({ resultTypes: ['violations'], ...RULES[rules] });
  const results = await page.evaluate<AxeResults>(`axe.run(document, ${options})`);
  return results.violations.flatMap(({ id, help, nodes }) =>
    nodes.map((node) => `${id}: ${help} at ${node.target.join(' ')}`),
  );
}

/** What the browser complained about: errors of scripts, refusals of the content security policy, failed assets. */
export function collectComplaints(page: Page): string[] {
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(`error: ${error.message}`));
  page.on('console', (message) => {
    const text = message.text();
    // Answers such as 401 before the sign-in, and connections to a node that was killed, are part of the story.
    if (message.type() !== 'error' || /^Failed to load resource|net::ERR_/.test(text)) return;
    complaints.push(`console: ${text}`);
  });
  return complaints;
}

const SCREENSHOTS = process.env['QUORATE_SCREENSHOTS'];

/** For people to look at, in the folder that QUORATE_SCREENSHOTS names; without it none are made. */
export async function screenshot(page: Page, name: string): Promise<void> {
  if (!SCREENSHOTS) return;
  mkdirSync(SCREENSHOTS, { recursive: true });
  await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`), fullPage: true });
}
