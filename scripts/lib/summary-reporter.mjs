import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, relative } from 'node:path';

const SLOWEST = 10;

/**
 * A vitest reporter that counts what ran, for the last line of `npm test`. A file that cannot be loaded and an error
 * outside any test count as failures: neither has a test to carry it.
 */
export default class SummaryReporter {
  onTestRunEnd(modules, unhandledErrors) {
    const path = process.env.QUORATE_TEST_SUMMARY;
    if (!path) return;
    const summary = { passed: 0, failed: unhandledErrors.length, skipped: 0, slowest: [] };
    for (const module of modules) {
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state === 'passed' || state === 'failed') summary[state]++;
        else summary.skipped++;
      }
      for (const suite of module.children.allSuites()) summary.failed += suite.errors().length;
      summary.failed += module.errors().length;
      const { duration, collectDuration } = module.diagnostic();
      summary.slowest.push({ file: relative(process.cwd(), module.moduleId), ms: duration + collectDuration });
    }
    summary.slowest = summary.slowest.sort((a, b) => b.ms - a.ms).slice(0, SLOWEST);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, JSON.stringify(summary));
  }
}
