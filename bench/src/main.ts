import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';

// The figures are of the program as it is built: running its sources through a loader costs up to a third.

const dist = join(import.meta.dirname, '../dist');
rmSync(dist, { recursive: true, force: true });
await build({
  entryPoints: ['run.ts', 'bare-server.ts', 'bare-spawns.ts'].map((name) => join(import.meta.dirname, name)),
  outdir: dist,
  outExtension: { '.js': '.mjs' },
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  external: ['better-sqlite3', '@node-rs/argon2'],
  banner: {
    js: "import { createRequire as __createRequire } from 'node:module';\nconst require = __createRequire(import.meta.url);",
  },
  logLevel: 'warning',
});
const { status } = spawnSync(process.execPath, [join(dist, 'run.mjs'), ...process.argv.slice(2)], { stdio: 'inherit' });
process.exit(status ?? 1);
