// npm test: sets up what is missing (system programs too), runs every test and ends with "N passed, N failed".
// Arguments go to vitest: npm test -- apps/api/src/config, npm test -- --project unit
import './lib/check-node.mjs';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { bin, CACHE, fromRoot } from './lib/paths.mjs';
import { runForeground, runMain } from './lib/run.mjs';
import { setup } from './setup.mjs';
import { ensureSystemPrograms, findProgram } from './system-programs.mjs';

const SUMMARY = join(CACHE, `test-summary-${process.pid}.json`);

function readSummary() {
  try {
    return JSON.parse(readFileSync(SUMMARY, 'utf8'));
  } catch {
    return { passed: 0, failed: 0, skipped: 0, slowest: [] };
  } finally {
    rmSync(SUMMARY, { force: true });
  }
}

await runMain(async () => {
  await ensureSystemPrograms(['etcd', 'haproxy', 'chromium', 'ip']);
  await setup();
  const reporters = ['--reporter=default', `--reporter=${fromRoot('scripts/lib/summary-reporter.mjs')}`];
  const status = await runForeground(bin('vitest'), ['run', ...reporters, ...process.argv.slice(2)], {
    env: { QUORATE_TEST_SUMMARY: SUMMARY, CHROMIUM_PATH: findProgram('chromium') },
  });

  const { passed, failed, skipped, slowest } = readSummary();
  if (slowest.length > 0) console.log('Slowest files:');
  for (const { file, ms } of slowest) console.log(`  ${(ms / 1000).toFixed(1).padStart(6)} s  ${file}`);
  if (passed + failed === 0) console.log('No test ran.');
  else if (status !== 0 && failed === 0) console.log(`vitest ended with status ${status} though no test failed.`);
  console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
  return status !== 0 ? status : failed > 0 || passed === 0 ? 1 : 0;
});
