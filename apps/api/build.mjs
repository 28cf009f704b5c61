// Bundles the daemon into one file: dist/quorated.js (ESM, Node 20). Native packages stay outside.
// The migrations (drizzle/) and the console (apps/web/out) are found at run time, relative to dist/.
import { chmodSync, copyFileSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { build } from 'esbuild';

const here = import.meta.dirname;
const dist = join(here, 'dist');

rmSync(dist, { recursive: true, force: true });
mkdirSync(dist);

await build({
  entryPoints: [join(here, 'src/main.ts')],
  outfile: join(dist, 'quorated.js'),
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  sourcemap: 'linked',
  sourcesContent: false,
  external: ['better-sqlite3', '@node-rs/argon2'],
  banner: {
    // CommonJS packages inside the bundle still call require() for Node's own modules.
    js: [
      '#!/usr/bin/env node',
      "import { createRequire as __createRequire } from 'node:module';",
      'const require = __createRequire(import.meta.url);',
    ].join('\n'),
  },
  logLevel: 'warning',
});

// Files that the code reads beside itself at run time keep their base name beside the bundle.
for (const file of readdirSync(join(here, 'src'), { recursive: true })) {
  if (file.endsWith('.proto')) copyFileSync(join(here, 'src', file), join(dist, basename(file)));
}
chmodSync(join(dist, 'quorated.js'), 0o755);
