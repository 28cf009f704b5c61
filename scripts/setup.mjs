// Makes a fresh clone ready: checks Node, installs npm packages, builds daemon, client and console.
// Nothing but Node and npm is needed; does nothing when all is up to date. `--no-build` installs only.
import './lib/check-node.mjs';
import { existsSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildFingerprint, runtimeId, staleBuild, staleInstall } from './lib/fresh.mjs';
import { withLock } from './lib/lock.mjs';
import { bin, CACHE, ROOT } from './lib/paths.mjs';
import { runLogged, runMain, say } from './lib/run.mjs';

const INSTALL_STAMP = join(ROOT, 'node_modules/.quorate.json');
const BUILD_STAMP = join(CACHE, 'build.json');

const writeStamp = (path, value) => writeFileSync(path, `${JSON.stringify(value)}\n`);

async function ensureInstalled() {
  const reason = staleInstall(ROOT);
  if (!reason) return;
  say(`installing npm packages (${reason}); this can take some minutes …`);
  // Not `npm ci`: it refuses a lockfile that lacks packages for other platforms, which npm leaves out when the
  // registry it was written against does not carry them. Versions and integrity still come from the lockfile.
  const seconds = await runLogged(
    'npm install',
    'npm',
    ['install', '--no-save', '--no-audit', '--no-fund', '--loglevel=warn'],
    {
      cure:
        'Cure: check that the npm registry is reachable. If better-sqlite3 failed to compile, install a C++ compiler, ' +
        'make and python3 (Debian: apt-get install build-essential python3). Then run the same command again.',
    },
  );
  writeStamp(INSTALL_STAMP, { runtime: runtimeId() });
  say(`installed npm packages in ${seconds.toFixed(0)} s`);
}

async function ensureBuilt() {
  if (!staleBuild(ROOT, BUILD_STAMP)) return;
  say('building daemon, client and console …');
  // Taken before the build: a source saved while it runs makes the next set-up build again.
  const fingerprint = buildFingerprint(ROOT);
  const seconds = await runLogged('build', bin('turbo'), ['run', 'build', '--output-logs=errors-only'], {
    cure: 'Cure: correct the error above and run the same command again.',
  });
  writeStamp(BUILD_STAMP, { fingerprint });
  say(`built in ${seconds.toFixed(0)} s`);
}

/** `npx quorated` and `npx quorate`: npm links a workspace's programs only when they exist at install time. */
function linkPrograms() {
  for (const [name, target] of [
    ['quorated', '../../apps/api/dist/quorated.js'],
    ['quorate', '../../apps/cli/dist/quorate.js'],
  ]) {
    if (!existsSync(bin(name))) {
      rmSync(bin(name), { force: true });
      symlinkSync(target, bin(name));
    }
  }
}

/**
 * Brings the working tree up to date. Two at once do not collide: the second waits.
 * @throws StepFailed that names what failed and the cure
 */
export async function setup({ build = true } = {}) {
  await withLock(CACHE, 'setup', async () => {
    await ensureInstalled();
    if (build) {
      await ensureBuilt();
      linkPrograms();
    }
  });
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  await runMain(async () => {
    await setup({ build: !process.argv.includes('--no-build') });
    say('set-up is complete');
  });
}
