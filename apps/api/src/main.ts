import { existsSync } from 'node:fs';
import { join } from 'node:path';
import packageJson from '../package.json';
import { runProgram } from './host/program';

// The only reader of process.env and process.argv.

/** Folders beside the bundle in a checkout and in an installed package alike. */
function assets(): { migrationsDir: string; webDir: string | undefined } {
  const root = join(import.meta.dirname, '../../..');
  const webDir = join(root, 'apps/web/out');
  return { migrationsDir: join(root, 'drizzle'), webDir: existsSync(webDir) ? webDir : undefined };
}

const code = await runProgram(process.argv, {
  env: process.env,
  version: packageJson.version,
  ...assets(),
  stderrTty: process.stderr.isTTY === true,
  stdoutTty: process.stdout.isTTY === true,
});
// Whatever still hangs on the event loop must not keep the process.
process.exit(code);
