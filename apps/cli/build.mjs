// Bundles the client into one executable file: dist/quorate.js.
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const outfile = here('dist/quorate.js');

const { outputFiles } = await build({
  write: false,
  entryPoints: [here('src/main.ts')],
  outfile,
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'esm',
  legalComments: 'none',
  // CommonJS dependencies call require() for node's own modules.
  banner: {
    js: "#!/usr/bin/env node\nimport { createRequire as __createRequire } from 'node:module';\nconst require = __createRequire(import.meta.url);",
  },
});
// In one step: whoever starts it during a build gets the old file or the new one.
await mkdir(here('dist'), { recursive: true });
const temporary = `${outfile}.${process.pid}`;
await writeFile(temporary, outputFiles[0].contents, { mode: 0o755 });
await rename(temporary, outfile);
