// npm run check: format, lint, types, import direction, dead code, migrations, house rules. Every check runs, even
// when one fails; the exit status is that of the worst. `npm run check -- types lint` runs the named ones only.
import './lib/check-node.mjs';
import { spawn } from 'node:child_process';
import { cpSync, existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import util from 'node:util';
import { bin, CACHE, fromRoot, ROOT } from './lib/paths.mjs';
import { runMain, StepFailed, toolEnv } from './lib/run.mjs';
import { setup } from './setup.mjs';

const CONCURRENCY = 2;

/** Runs a tool; resolves with its exit status and output. */
function runTool(name, args, env = {}) {
  return new Promise((resolve) => {
    const child = spawn(bin(name), args, {
      cwd: ROOT,
      env: { ...toolEnv(), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    const add = (chunk) => {
      output += chunk;
    };
    child.stdout.on('data', add);
    child.stderr.on('data', add);
    child.on('error', (error) => resolve({ status: 127, output: error.message }));
    child.on('close', (code) => resolve({ status: code ?? 1, output }));
  });
}

const typesOf = (name, project) => ({
  name: `types ${name}`,
  run: () =>
    runTool('tsc', [
      ...['--project', project, '--pretty', 'false'],
      ...['--incremental', '--tsBuildInfoFile', join(CACHE, 'tsc', `${name.replaceAll('/', '-')}.tsbuildinfo`)],
    ]),
});

function workspaces() {
  const apps = ['packages', 'apps'].flatMap((folder) =>
    readdirSync(fromRoot(folder)).map((name) => `${folder}/${name}`),
  );
  return [...apps, 'bench'].filter((path) => existsSync(fromRoot(path, 'package.json')));
}

/** Generates migrations into a copy: a new file means that a table changed without one. */
async function migrationsMatch() {
  const copy = '.cache/drizzle';
  rmSync(fromRoot(copy), { recursive: true, force: true });
  cpSync(fromRoot('drizzle'), fromRoot(copy), { recursive: true });
  const check = await runTool('drizzle-kit', ['check']);
  if (check.status !== 0) return check;
  const generated = await runTool('drizzle-kit', ['generate'], { QUORATE_DRIZZLE_OUT: copy });
  if (generated.status !== 0 || generated.output.includes('No schema changes')) return generated;
  return {
    status: 1,
    output: `${generated.output}\nA table has no migration: run "npm run db:generate" and commit drizzle/.`,
  };
}

const CHECKS = [
  // The slowest first, so that the two lanes end together.
  ...workspaces().map((path) => typesOf(path, path)),
  typesOf('scripts', 'tsconfig.tools.json'),
  { name: 'dead code', run: () => runTool('knip', ['--no-progress']) },
  {
    name: 'imports',
    run: () => runTool('depcruise', ['--config', '.dependency-cruiser.cjs', 'apps', 'packages', 'bench', 'scripts']),
  },
  { name: 'house rules', run: () => runTool('vitest', ['run', '--project', 'unit', 'scripts']) },
  { name: 'migrations', run: migrationsMatch },
  { name: 'format, lint', run: () => runTool('biome', ['check', '--error-on-warnings', '--colors=off', '.']) },
];

async function runAll(checks) {
  const results = [];
  const queue = [...checks];
  async function lane() {
    for (let check = queue.shift(); check; check = queue.shift()) {
      const startedAt = Date.now();
      const { status, output } = await check.run();
      results.push({ name: check.name, status, seconds: (Date.now() - startedAt) / 1000 });
      if (status !== 0) console.log(`${util.styleText('red', `✗ ${check.name}`)}\n${output.trimEnd()}\n`);
    }
  }
  await Promise.all(Array.from({ length: CONCURRENCY }, lane));
  return results;
}

await runMain(async () => {
  const names = process.argv.slice(2);
  const chosen = CHECKS.filter(({ name }) => names.length === 0 || names.some((part) => name.includes(part)));
  if (chosen.length === 0) {
    throw new StepFailed(
      `There is no check called ${names.join(' or ')}.`,
      `Checks: ${CHECKS.map(({ name }) => name).join(', ')}`,
    );
  }
  await setup({ build: false });
  const results = await runAll(chosen);
  for (const { name, status, seconds } of results) {
    const mark = status === 0 ? util.styleText('green', 'ok    ') : util.styleText('red', 'FAILED');
    console.log(`${mark} ${name.padEnd(24)} ${seconds.toFixed(1).padStart(6)} s`);
  }
  return Math.max(...results.map(({ status }) => status));
});
