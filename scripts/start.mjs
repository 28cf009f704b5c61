// npm start: sets up what is missing, then runs one node with its data in .quorate/.
// Arguments are passed on: npm start -- --set api.address=127.0.0.1:9440
import './lib/check-node.mjs';
import { fromRoot } from './lib/paths.mjs';
import { runForeground, runMain } from './lib/run.mjs';
import { setup } from './setup.mjs';

await runMain(async () => {
  await setup();
  const given = process.argv.slice(2);
  const hasDataDir = given.some((argument) => /^--data-dir(=|$)/.test(argument));
  const dataDir = hasDataDir ? [] : ['--data-dir', fromRoot('.quorate')];
  // Nothing is left behind when this ends.
  const whole = ['--set', 'workers.stop_services=true'];
  return runForeground(fromRoot('apps/api/dist/quorated.js'), ['serve', ...dataDir, ...whole, ...given]);
});
