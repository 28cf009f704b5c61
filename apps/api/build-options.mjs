import { join } from 'node:path';

/**
 * A control plane idles beside other programs, so the daemon keeps little: a young generation of 12 MB instead of 48, and
 * what malloc is given back goes back to the system: V8 compiles in pieces of 32 kB, and one that stays in use would hold
 * tens of megabytes below it. It runs by this line when it is started by its own name.
 */
const SHEBANG =
  '#!/usr/bin/env -S MALLOC_ARENA_MAX=2 MALLOC_TRIM_THRESHOLD_=131072 MALLOC_MMAP_THRESHOLD_=32768 node --max-semi-space-size=4';

/** How the daemon is bundled into one file (ESM, Node 20). Native packages stay outside. */
export const daemonBuild = (outfile) => ({
  entryPoints: [join(import.meta.dirname, 'src/main.ts')],
  outfile,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  sourcemap: 'linked',
  sourcesContent: false,
  // V8 keeps the source text in memory: half of it is white space, and a single letter beyond ASCII doubles the rest.
  minifyWhitespace: true,
  charset: 'ascii',
  legalComments: 'linked',
  external: ['better-sqlite3', '@node-rs/argon2'],
  banner: {
    // CommonJS packages inside the bundle still call require() for Node's own modules.
    js: [
      SHEBANG,
      "import { createRequire as __createRequire } from 'node:module';",
      'const require = __createRequire(import.meta.url);',
    ].join('\n'),
  },
  logLevel: 'warning',
});
