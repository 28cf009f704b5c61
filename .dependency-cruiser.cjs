// Which way imports point. The order is the architecture's: each layer may import itself and those before it.
const LAYERS = [
  ['lib'],
  ['db'],
  ['commands'],
  ['replication'],
  ['events'],
  ['reconcile'],
  ['http'],
  ['resources'],
  ['cluster', 'haproxy', 'work', 'connector'],
  // node.ts and the files beside it: where everything is wired; host: the commands of one host that run or look at a node.
  ['host', 'WIRING'],
  ['main'],
];
const API = '^apps/api/src/';
/** A layer is a folder; what stands in src itself are files. */
const pathOf = (names) => `${API}(?:${names.join('|')})(?:/|\\.ts$)`.replace('WIRING', '(?!main\\.)[^/]+(?=\\.ts$)');
const TEST = '\\.(test|contract)\\.tsx?$|/testing(/|\\.ts$)';

const layerRules = LAYERS.slice(0, -1).map((names, index) => ({
  name: `layer-${names.join('-')}`,
  comment: `${names.join(', ')} may not import a later layer; hand it in from node.ts instead`,
  severity: 'error',
  from: { path: pathOf(names), pathNot: TEST },
  to: { path: pathOf(LAYERS.slice(index + 1).flat()) },
}));

module.exports = {
  forbidden: [
    ...layerRules,
    {
      name: 'cluster-and-haproxy-apart',
      comment: 'siblings do not know each other; node.ts wires them',
      severity: 'error',
      from: { path: `${API}(cluster|haproxy|work|connector)/`, pathNot: TEST },
      to: { path: `${API}(cluster|haproxy|work|connector)/`, pathNot: `${API}$1/` },
    },
    {
      name: 'config-values-only-where-wired',
      comment: 'only the files that wire the daemon read configuration; layers take types or plain values',
      severity: 'error',
      from: { path: API, pathNot: `${API}(config/|host/|[^/]+\\.ts$)|${TEST}` },
      to: { path: `${API}config/`, dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'config-is-low',
      comment: 'config knows shared and lib only',
      severity: 'error',
      from: { path: `${API}config/`, pathNot: TEST },
      to: { path: API, pathNot: `${API}(config|lib)/` },
    },
    {
      name: 'testing-from-tests-only',
      severity: 'error',
      from: { path: '^(apps|packages|bench)/', pathNot: `${TEST}|^bench/` },
      to: { path: TEST },
    },
    {
      name: 'apps-know-shared-only',
      comment: 'apps speak to each other over the network; what they share is packages/shared',
      severity: 'error',
      from: { path: '^apps/([^/]+)/' },
      to: { path: '^(apps|bench)/', pathNot: '^apps/$1/' },
    },
    {
      name: 'shared-knows-nobody',
      severity: 'error',
      from: { path: '^packages/shared/' },
      to: { path: '^(apps|bench|scripts)/' },
    },
    {
      name: 'shared-does-no-io',
      comment: 'the contract also runs in the browser',
      severity: 'error',
      from: { path: '^packages/shared/src/', pathNot: TEST },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'no-cycles',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    { name: 'resolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
    {
      name: 'declared-dependencies',
      comment: 'add the package to the package.json of the workspace that imports it',
      severity: 'error',
      from: {},
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)(dist|out|\\.next|\\.turbo|\\.cache|coverage)/|next-env\\.d\\.ts$' },
    tsPreCompilationDeps: true,
    combinedDependencies: true,
    tsConfig: { fileName: 'tsconfig.tools.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
      mainFields: ['module', 'main', 'types'],
      extensions: ['.ts', '.tsx', '.mjs', '.js', '.cjs', '.json', '.css', '.d.ts'],
    },
  },
};
