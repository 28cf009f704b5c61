/** A `server` line of a backend. */
export interface ServerLine {
  readonly name: string;
  readonly address: string;
  /** What follows the address, but for `disabled`. */
  readonly options: readonly string[];
  readonly disabled: boolean;
}

export interface BackendText {
  readonly name: string;
  /** The words of its `default-server` line: the runtime API does not add them to a new server by itself. */
  readonly defaults: readonly string[];
  readonly servers: ReadonlyMap<string, ServerLine>;
}

export interface ConfigText {
  /** Every line that only a reload can change: all but comments and the servers of backends. */
  readonly skeleton: string;
  readonly backends: ReadonlyMap<string, BackendText>;
  /** Where the configuration opens its runtime API with the right to change things; undefined = nowhere. */
  readonly runtimeSocket: string | undefined;
}

/** Words as HAProxy reads them; quotes group. Good enough for lines that Quorate wrote. */
function wordsOf(line: string): string[] {
  const words = line.match(/(?:'(?:[^'])*'|\\.|[^\s'\\])+/g) ?? [];
  return words.map((word) =>
    word.replace(/'([^']*)'|\\(.)/g, (_, quoted?: string, escaped?: string) => quoted ?? escaped ?? ''),
  );
}

const SECTION = /^[a-z]/;

/** Takes a configuration that Quorate made apart. */
export function parseConfig(text: string): ConfigText {
  const skeleton: string[] = [];
  const backends = new Map<string, { name: string; defaults: string[]; servers: Map<string, ServerLine> }>();
  let backend: { name: string; defaults: string[]; servers: Map<string, ServerLine> } | undefined;
  let runtimeSocket: string | undefined;
  for (const raw of text.split('\n')) {
    const line = raw.trimEnd();
    if (line === '' || /^\s*#/.test(line)) continue;
    const words = wordsOf(line);
    const [keyword = '', name = '', address = '', ...rest] = words;
    if (SECTION.test(line)) {
      backend = keyword === 'backend' ? { name, defaults: [], servers: new Map() } : undefined;
      if (backend) backends.set(name, backend);
    }
    if (backend && keyword === 'server') {
      const options = rest.filter((word) => word !== 'disabled');
      backend.servers.set(name, { name, address, options, disabled: options.length < rest.length });
      continue;
    }
    if (backend && keyword === 'default-server') backend.defaults.push(...words.slice(1));
    if (keyword === 'stats' && name === 'socket' && rest.join(' ').includes('level admin')) runtimeSocket ??= address;
    skeleton.push(line);
  }
  return { skeleton: skeleton.join('\n'), backends, runtimeSocket };
}

export type ServerChange =
  | { readonly kind: 'add'; readonly backend: BackendText; readonly server: ServerLine }
  | {
      readonly kind: 'move' | 'enable' | 'disable' | 'remove';
      readonly backend: BackendText;
      readonly server: ServerLine;
    };

export type Plan =
  | { readonly kind: 'nothing' }
  /** What a running HAProxy can be told. New capacity comes first, so that there is never less than before or after. */
  | { readonly kind: 'servers'; readonly changes: readonly ServerChange[] }
  | { readonly kind: 'reload'; readonly why: string };

const ORDER = ['add', 'enable', 'move', 'disable', 'remove'] as const;

/** What must be done to an HAProxy that runs `before` so that it does what `after` says. */
export function planChange(before: ConfigText, after: ConfigText): Plan {
  if (before.skeleton !== after.skeleton) return { kind: 'reload', why: 'more than servers changed' };
  const changes: ServerChange[] = [];
  for (const backend of after.backends.values()) {
    const old = before.backends.get(backend.name)?.servers ?? new Map<string, ServerLine>();
    for (const server of backend.servers.values()) {
      const was = old.get(server.name);
      if (!was) {
        changes.push({ kind: 'add', backend, server });
        continue;
      }
      if (was.options.join(' ') !== server.options.join(' ')) {
        return { kind: 'reload', why: `the options of the server ${backend.name}/${server.name} changed` };
      }
      if (was.address !== server.address) changes.push({ kind: 'move', backend, server });
      if (was.disabled !== server.disabled) {
        changes.push({ kind: server.disabled ? 'disable' : 'enable', backend, server });
      }
    }
    for (const server of old.values()) {
      if (!backend.servers.has(server.name)) changes.push({ kind: 'remove', backend, server });
    }
  }
  if (changes.length === 0) return { kind: 'nothing' };
  return { kind: 'servers', changes: changes.sort((a, b) => ORDER.indexOf(a.kind) - ORDER.indexOf(b.kind)) };
}
