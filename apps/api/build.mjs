// Bundles the daemon into dist/quorated.js.
// The migrations (drizzle/) and the console (apps/web/out) are found at run time, relative to dist/.
import { chmodSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { daemonBuild } from './build-options.mjs';

const here = import.meta.dirname;
const dist = join(here, 'dist');

rmSync(dist, { recursive: true, force: true });
mkdirSync(dist);

await build(daemonBuild(join(dist, 'quorated.js')));

chmodSync(join(dist, 'quorated.js'), 0o755);
