// Decides what of the set-up is stale. Pure reads: no process is started here.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

function readJson(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}

/** What the compiled packages in node_modules depend on beside the lockfile. */
export const runtimeId = () => `${process.platform}-${process.arch}-abi${process.versions.modules}`;

/**
 * Why node_modules does not match package-lock.json, or undefined when it does. npm writes its hidden lockfile last,
 * so an interrupted install counts as missing; comparing content (not dates) keeps a git checkout from reinstalling.
 */
export function staleInstall(root) {
  const wanted = readJson(join(root, 'package-lock.json'));
  const installed = readJson(join(root, 'node_modules/.package-lock.json'));
  if (!installed) return 'npm packages are not installed';
  for (const [path, entry] of Object.entries(wanted?.packages ?? {})) {
    if (path === '' || entry.link) continue;
    const present = installed.packages?.[path];
    if (present ? present.version !== entry.version : !entry.optional && !entry.devOptional && !entry.peer) {
      if (path.includes('node_modules/')) return `${path.slice(path.lastIndexOf('node_modules/') + 13)} changed`;
    }
  }
  const stamp = readJson(join(root, 'node_modules/.quorate.json'));
  if (stamp && stamp.runtime !== runtimeId()) return `installed for ${stamp.runtime}, this Node is ${runtimeId()}`;
  return undefined;
}

const IGNORED = new Set(['node_modules', 'dist', 'out', '.next', '.turbo', 'coverage']);

function* filesUnder(path) {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (!stat) return;
  if (stat.isFile()) yield [path, stat];
  else if (stat.isDirectory()) {
    for (const name of readdirSync(path).sort()) if (!IGNORED.has(name)) yield* filesUnder(join(path, name));
  }
}

/** A hash over names, sizes and modification times below `paths`; it also changes when a file disappears. */
export function fingerprint(root, paths) {
  const hash = createHash('sha256');
  for (const path of paths) {
    for (const [file, stat] of filesUnder(join(root, path))) {
      if (/\.test\.[cm]?tsx?$|\.tsbuildinfo$|next-env\.d\.ts$/.test(file)) continue;
      hash.update(`${file.slice(root.length)} ${stat.size} ${stat.mtimeMs}\n`);
    }
  }
  return hash.digest('hex');
}

const BUILD_INPUTS = [
  'package-lock.json',
  'tsconfig.json',
  'turbo.json',
  'packages/shared',
  'apps/api',
  'apps/cli',
  'apps/web',
];
export const BUILD_OUTPUTS = ['apps/api/dist/quorated.js', 'apps/cli/dist/quorate.js', 'apps/web/out/index.html'];

export const buildFingerprint = (root) => fingerprint(root, BUILD_INPUTS);

/** True when some output of the build is missing or a source changed since `stampPath` was written. */
export function staleBuild(root, stampPath) {
  if (!BUILD_OUTPUTS.every((path) => existsSync(join(root, path)))) return true;
  return readJson(stampPath)?.fingerprint !== buildFingerprint(root);
}
