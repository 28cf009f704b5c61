// House rules that no linter knows: this test reads the repository itself.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { renderConfigDocs } from '../apps/api/src/config/render';
import { commandReference } from '../apps/cli/src/reference';

const ROOT = join(import.meta.dirname, '..');
const MAX_LINES = 400;

const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
/** Every file that is tracked or about to be, as git sees them. */
const FILES = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  cwd: ROOT,
  encoding: 'utf8',
})
  .split('\n')
  .filter((path) => path !== '' && existsSync(join(ROOT, path)));
const CODE = FILES.filter((path) => /\.[cm]?[jt]sx?$/.test(path));
const isTest = (path: string): boolean => /\.(test|contract)\.tsx?$|\/testing[./]/.test(path);

/** Code without comments, so that a rule may be spoken of. Strings stay: none of the patterns is likely in one. */
const withoutComments = (text: string): string =>
  text
    .replaceAll(/\/\*[\s\S]*?\*\//g, (comment) => comment.replaceAll(/[^\n]/g, ''))
    .replaceAll(/(^|[\s;{(,])\/\/.*$/gm, '$1');

/** `path:line: text` for every line of the files that matches. */
function findings(paths: readonly string[], pattern: RegExp): string[] {
  return paths.flatMap((path) =>
    withoutComments(read(path))
      .split('\n')
      .flatMap((line, index) => (pattern.test(line) ? [`${path}:${index + 1}: ${line.trim()}`] : [])),
  );
}

test('commands and tables are pure: replicas and replays must come out equal', () => {
  const pure = FILES.filter((path) => /^apps\/api\/src\/.*(^|\/)(commands|table|[a-z-]+-table)\.ts$/.test(path));
  expect(pure.length).toBeGreaterThan(0);
  const impure =
    /\bDate\b|\bMath\.random\b|\brandom(UUID|Bytes|Int)\b|\buuidv7\b|\bprocess\b|\basync\b|\bawait\b|\bPromise\b|\bperformance\b|\bset(Timeout|Interval|Immediate)\b|\bfetch\b|CURRENT_(TIMESTAMP|TIME|DATE)|\b(unixepoch|datetime|julianday|strftime|random|randomblob)\(|\$(default|defaultFn|onUpdate|onUpdateFn)\b|\bdefaultNow\b|from 'node:(fs|os|net|http|https|dns|child_process|timers|worker_threads|perf_hooks)/;
  expect(findings(pure, impure)).toEqual([]);
});

test('only main reads the environment', () => {
  const allowed = /^apps\/(api|cli)\/src\/main\.ts$|^apps\/e2e\/|^bench\/|^scripts\/|(^|\/)[a-z.-]+\.config\.ts$/;
  expect(
    findings(
      CODE.filter((path) => !allowed.test(path) && !isTest(path)),
      /\bprocess\.env\b/,
    ),
  ).toEqual([]);
});

test('no test is left alone, switched off or put off', () => {
  const tests = CODE.filter((path) => /\.(test|contract)\.tsx?$/.test(path) && path !== 'scripts/tidy.test.ts');
  expect(
    findings(tests, /\b(test|it|describe|suite)\.(only|skip|todo|fails)\b|\b(fit|fdescribe|xit|xdescribe|xtest)\(/),
  ).toEqual([]);
});

test('files fit a head', () => {
  const long = CODE.filter((path) => !isTest(path))
    .map((path) => ({ path, lines: read(path).split('\n').length - 1 }))
    .filter(({ lines }) => lines > MAX_LINES);
  expect(long).toEqual([]);
});

test('no code is muted', () => {
  const paths = CODE.filter((path) => path !== 'scripts/tidy.test.ts');
  const muted = paths.filter((path) => /@ts-(ignore|nocheck)|eslint-disable/.test(read(path)));
  expect(muted).toEqual([]);
});

test('nothing of one machine is in the repository', () => {
  const text = FILES.filter(
    (path) => /\.([cm]?[jt]sx?|json|ya?ml|md|sh)$|^\.ci\//.test(path) && path !== 'scripts/tidy.test.ts',
  );
  const bad = /(?<![\w.])\/(work|root|home\/[a-z])\//;
  expect(
    text.filter((path) =>
      read(path)
        .split('\n')
        .some((line) => bad.test(line)),
    ),
  ).toEqual([]);
});

interface LockEntry {
  version?: string;
  resolved?: string;
  link?: boolean;
  hasInstallScript?: boolean;
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
}
interface Manifest extends LockEntry {
  allowScripts?: Record<string, boolean>;
}

test('the lockfile names no registry, agrees with each package.json, and its install scripts are decided on', () => {
  const { packages } = JSON.parse(read('package-lock.json')) as { packages: Record<string, LockEntry> };
  const remote = Object.entries(packages).filter(([, entry]) => !entry.link && entry.resolved !== undefined);
  expect(remote.map(([path, entry]) => `${path}: ${entry.resolved}`)).toEqual([]);

  const workspaces = Object.keys(packages).filter((path) => !path.includes('node_modules/'));
  for (const path of workspaces) {
    const manifest = JSON.parse(read(join(path, 'package.json'))) as Manifest;
    expect(packages[path]?.dependencies, path).toEqual(manifest.dependencies);
    expect(packages[path]?.devDependencies, path).toEqual(manifest.devDependencies);
  }

  const { allowScripts = {} } = JSON.parse(read('package.json')) as Manifest;
  const scripted = Object.entries(packages)
    .filter(([, entry]) => entry.hasInstallScript)
    .map(([path]) => path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length));
  const undecided = [...new Set(scripted)].filter((name) => !(name in allowScripts) && name !== 'fsevents');
  expect(undecided).toEqual([]);
});

test('migrations are in order: the migrator skips one that is not newer than the last', () => {
  const journal = JSON.parse(read('drizzle/meta/_journal.json')) as {
    entries: { idx: number; when: number; tag: string }[];
  };
  for (const [index, entry] of journal.entries.entries()) {
    expect(entry.idx).toBe(index);
    expect(entry.when).toBeGreaterThan(journal.entries[index - 1]?.when ?? 0);
    expect(FILES).toContain(`drizzle/${entry.tag}.sql`);
  }
  expect(FILES.filter((path) => /^drizzle\/.*\.sql$/.test(path))).toHaveLength(journal.entries.length);
});

test('docs/configuration.md is what the schema says (npm run docs)', () => {
  expect(read('docs/configuration.md')).toBe(renderConfigDocs());
});

test('docs/commands.md is what the client says (npm run docs)', () => {
  expect(read('docs/commands.md')).toBe(commandReference());
});
