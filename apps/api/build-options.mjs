import { join } from 'node:path';

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
