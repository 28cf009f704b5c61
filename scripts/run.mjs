// npm run demo | smoke:ha | bench: sets up, then runs the named program, passing arguments on.
import './lib/check-node.mjs';
import { bin, fromRoot } from './lib/paths.mjs';
import { runForeground, runMain, StepFailed } from './lib/run.mjs';
import { setup } from './setup.mjs';
import { ensureSystemPrograms } from './system-programs.mjs';

const PROGRAMS = {
  demo: { entry: 'apps/e2e/src/demo.ts', needs: ['etcd', 'haproxy'] },
  smoke: { entry: 'apps/e2e/src/smoke.ts', needs: ['etcd', 'haproxy', 'ip'] },
  bench: { entry: 'bench/src/main.ts', needs: ['etcd'] },
};

await runMain(async () => {
  const [name, ...args] = process.argv.slice(2);
  const program = Object.hasOwn(PROGRAMS, name ?? '') ? PROGRAMS[name] : undefined;
  if (!program) {
    throw new StepFailed(
      `${name ? `There is no program "${name}".` : 'Which program?'}`,
      `Use one of: ${Object.keys(PROGRAMS).join(', ')}`,
    );
  }
  await ensureSystemPrograms(program.needs);
  await setup();
  return runForeground(bin('tsx'), [fromRoot(program.entry), ...args]);
});
