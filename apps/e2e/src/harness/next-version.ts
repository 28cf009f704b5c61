import { chmodSync, cpSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build, type Plugin } from 'esbuild';
import { ROOT } from './paths';

export const NEXT_VERSION = '99.0.0-next';
const API = join(ROOT, 'apps/api');

/** What a later version might bring: a table, a command of the next feature level, and a route. */
const NOTES = `
  import { defineRoute } from '@quorate/shared/route';
  import { z } from 'zod';
  import { defineCommand } from './commands/define-command';
  import { endpoint } from './http/endpoint';

  const note = z.object({ text: z.string() });
  const common = { path: '/v1/notes', access: 'viewer', tag: 'Notes' };
  const create = defineRoute({ ...common, id: 'notes.create', method: 'post', summary: 'Add', body: note, response: note, status: 201 });
  const list = defineRoute({ ...common, id: 'notes.list', method: 'get', summary: 'List', response: z.object({ items: z.array(note) }) });

  const addNote = defineCommand({
    type: 'notes.create',
    since: 2,
    input: note,
    apply(tx, input) {
      tx.$client.prepare('INSERT INTO notes (text) VALUES (?)').run(input.text);
    },
  });
  export const noteCommands = [addNote];
  export const noteEndpoints = () => [
    endpoint(create, async (ctx, { body }) => {
      await ctx.propose(addNote, body);
      return body;
    }),
    endpoint(list, (ctx) => ({ items: ctx.db.$client.prepare('SELECT text FROM notes ORDER BY id').all() })),
  ];
`;

/** Replaces in the named sources of the daemon what the next version would change. */
const CHANGES: Readonly<Record<string, readonly [string, string]>> = {
  'src/commands/define-command.ts': ['FEATURE_LEVEL = 1', 'FEATURE_LEVEL = 2'],
  'src/registry.ts': ['createRegistry([', 'createRegistry([...noteCommands,'],
  'src/endpoints.ts': ['  return [\n', '  return [...noteEndpoints(),\n'],
  'src/main.ts': ['packageJson.version', `'${NEXT_VERSION}'`],
};

const IMPORTS: Readonly<Record<string, string>> = {
  'src/registry.ts': "import { noteCommands } from './next-notes';\n",
  'src/endpoints.ts': "import { noteEndpoints } from './next-notes';\n",
};

const nextVersion: Plugin = {
  name: 'next-version',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /\.\/next-notes$/ }, () => ({ path: join(API, 'src/next-notes.ts') }));
    onLoad({ filter: /next-notes\.ts$/ }, () => ({ contents: NOTES, loader: 'ts', resolveDir: join(API, 'src') }));
    for (const [file, [from, to]] of Object.entries(CHANGES)) {
      const path = join(API, file);
      onLoad({ filter: new RegExp(`${file.replaceAll(/[./]/g, '\\$&')}$`) }, (loaded) => {
        if (loaded.path !== path) return undefined;
        const text = readFileSync(path, 'utf8');
        // A test against what no longer exists must not pass.
        if (!text.includes(from)) throw new Error(`${file} holds no ${JSON.stringify(from)} any more`);
        return { contents: (IMPORTS[file] ?? '') + text.replace(from, to), loader: 'ts' };
      });
    }
  },
};

/**
 * Builds the daemon as a later version of itself: a higher feature level, one more command, route and migration.
 *
 * @returns the program, in a folder laid out like a checkout under `dir`
 */
export async function buildNextVersion(dir: string): Promise<string> {
  const program = join(dir, 'apps/api/dist/quorated.js');
  const { daemonBuild } = (await import(join(API, 'build-options.mjs'))) as { daemonBuild: (out: string) => object };
  await build({ ...daemonBuild(program), plugins: [nextVersion] });
  chmodSync(program, 0o755);
  symlinkSync(join(ROOT, 'node_modules'), join(dir, 'node_modules'));
  addMigration(join(dir, 'drizzle'));
  return program;
}

function addMigration(folder: string): void {
  cpSync(join(ROOT, 'drizzle'), folder, { recursive: true });
  writeFileSync(
    join(folder, '9999_notes.sql'),
    'CREATE TABLE notes (id integer PRIMARY KEY NOT NULL, text text NOT NULL);',
  );
  const file = join(folder, 'meta/_journal.json');
  const journal = JSON.parse(readFileSync(file, 'utf8')) as { entries: { idx: number; when: number }[] };
  const last = journal.entries.at(-1);
  const entry = { ...last, idx: (last?.idx ?? 0) + 1, when: (last?.when ?? 0) + 1, tag: '9999_notes' };
  writeFileSync(file, JSON.stringify({ ...journal, entries: [...journal.entries, entry] }));
}
