import {
  HAPROXY_VERSIONS,
  type HaproxyFinding,
  type HaproxyRevision,
  type HaproxySettings,
  haproxyRoutes,
  haproxySettingsSchema,
} from '@quorate/shared/haproxy';
import { nearest } from '@quorate/shared/nearest';
import { type Command, Option } from 'commander';
import { CliError } from '../cli-error';
import { utcTime } from '../duration';
import { replaceFile } from '../files';
import { integerBetween } from '../globals';
import type { Invocation } from '../invocation';
import { type Column, listView, recordView } from '../output';
import { collectPages, MAX_LISTED, type Register, type Run } from '../register';
import { readInput } from '../secrets';
import { addBalancers } from './haproxy-balancer';
import { addPublications } from './haproxy-publish';
import { addWatch } from './haproxy-watch';

const MAX_CONFIG_BYTES = 262_144;

const versionOption = () => new Option('--for <version>', 'HAProxy version to write for').choices(HAPROXY_VERSIONS);

type HaproxyVersion = (typeof HAPROXY_VERSIONS)[number];
/** Published services have commands of their own. */
type SettingKey = Exclude<keyof HaproxySettings, 'services'>;
const FIELDS = haproxySettingsSchema.shape;
const KEYS = (Object.keys(FIELDS) as (keyof HaproxySettings)[]).filter((key) => key !== 'services');

const SEVERITY_COLOR = { error: 'red', warning: 'yellow', advice: 'cyan' } as const;

const FINDING_COLUMNS: readonly Column<HaproxyFinding>[] = [
  { header: 'LINE', value: (f) => f.line },
  {
    header: 'SEVERITY',
    value: (f) => f.severity,
    paint: (text, f, colors) => colors[SEVERITY_COLOR[f.severity]](text),
  },
  { header: 'SINCE', value: (f) => f.since },
  { header: 'TEXT', value: (f) => f.text.trim() },
  { header: 'WHY', value: (f) => f.message },
  { header: 'WRITE INSTEAD', value: (f) => (f.replacement === '' ? '(drop the line)' : f.replacement) },
];

const REVISION_COLUMNS: readonly Column<HaproxyRevision>[] = [
  { header: 'REVISION', value: (r) => r.revision },
  { header: 'CREATED', value: (r) => utcTime(r.created_at) },
  { header: 'VERSION', value: (r) => r.version },
  { header: 'SERVERS', value: (r) => r.servers },
  { header: 'REASON', value: (r) => r.reason },
  { header: 'ETAG', value: (r) => r.etag },
];

/** The value of `key` as its schema takes it: the text, a number, or null for none. @throws CliError */
function settingValue(key: SettingKey, text: string): unknown {
  const candidates = [
    text,
    ...(/^-?\d+$/.test(text) ? [Number(text)] : []),
    ...(/^(null|none|)$/.test(text) ? [null] : []),
  ];
  // null last wins over the word: `certificate_path=none` clears it.
  const accepted = candidates.filter((value) => FIELDS[key].safeParse(value).success);
  if (accepted.length > 0) return accepted[accepted.length - 1];
  const best = candidates[/^-?\d+$/.test(text) ? 1 : 0];
  const issue = FIELDS[key].safeParse(best).error?.issues[0];
  throw new CliError('usage', `${key}: ${issue?.message ?? 'not valid'}`);
}

function parseAssignments(assignments: readonly string[]): Partial<Record<SettingKey, unknown>> {
  const changes: Partial<Record<SettingKey, unknown>> = {};
  for (const assignment of assignments) {
    const equals = assignment.indexOf('=');
    if (equals < 1) throw new CliError('usage', `'${assignment}' is not KEY=VALUE, such as balance=leastconn`);
    const name = assignment.slice(0, equals).replaceAll('-', '_');
    const key = KEYS.find((candidate) => candidate === name);
    if (!key) {
      const suggestion = nearest(name, KEYS);
      const hint = suggestion ? `did you mean ${suggestion}?` : `settings: ${KEYS.join(', ')}`;
      throw new CliError('usage', `there is no setting '${name}'`, { hint });
    }
    changes[key] = settingValue(key, assignment.slice(equals + 1));
  }
  return changes;
}

function printSettings(inv: Invocation, data: HaproxySettings): void {
  const services = data.services.map(({ service, bind, mode }) => `${service} on ${bind} (${mode})`).join(', ');
  const fields = [...KEYS.map((key) => [key, data[key]] as const), ['services', services || null] as const];
  inv.print(recordView({ data, name: 'haproxy', fields }));
}

function addSettings(haproxy: Command, run: Run): void {
  const settings = haproxy.command('settings').description('What the configuration is made from');
  settings
    .command('get')
    .description('Show the settings')
    .action(run(async (inv) => printSettings(inv, await inv.call(haproxyRoutes.getSettings, {}))));
  settings
    .command('set')
    .description('Change some settings; the others stay')
    .argument('<key=value...>', 'such as tls=terminate certificate_path=/etc/haproxy/site.pem; none clears a value')
    .action(
      run(async (inv, assignments: string[]) => {
        const changes = parseAssignments(assignments);
        const current = await inv.callFull(haproxyRoutes.getSettings, {});
        const etag = current.headers.get('etag');
        const data = await inv.call(haproxyRoutes.putSettings, {
          body: { ...current.data, ...changes } as HaproxySettings,
          ...(etag === null ? {} : { headers: { 'if-match': etag } }),
        });
        printSettings(inv, data);
        inv.note('Saved. Install the new configuration with: quorate haproxy config --out /etc/haproxy/haproxy.cfg');
      }),
    );
}

export const registerHaproxy: Register = (program, run) => {
  const haproxy = program.command('haproxy').description('The load balancer in front of the nodes');
  haproxy
    .command('config')
    .description('Print the configuration for the live members')
    .addOption(versionOption())
    .option('--out <file>', 'replace this file in one step instead of printing')
    .action(
      run(async (inv, options: { for?: HaproxyVersion; out?: string }) => {
        const { data, headers } = await inv.callFull(haproxyRoutes.config, { query: { version: options.for } });
        const etag = headers.get('etag') ?? '';
        if (options.out === undefined) {
          return inv.print({ data: { config: data, etag }, names: [etag], text: () => data });
        }
        await replaceFile(options.out, data);
        inv.note(
          `Wrote ${options.out}. Check and load it with: haproxy -c -f ${options.out} && systemctl reload haproxy`,
        );
      }),
    );
  addWatch(haproxy, run);
  addSettings(haproxy, run);
  addPublications(haproxy, run);
  addBalancers(haproxy, run);
  haproxy
    .command('check')
    .description('Explain an existing configuration line by line; exits 1 when it has errors')
    .argument('<file>', 'the configuration, or - for standard input')
    .addOption(versionOption())
    .option('--rewrite', 'print the configuration with every replacement made')
    .action(
      run(async (inv, file: string, options: { for?: HaproxyVersion; rewrite?: boolean }) => {
        const config = await readInput(inv.io, file, MAX_CONFIG_BYTES);
        const data = await inv.call(haproxyRoutes.check, { body: { config, version: options.for } });
        const empty = `Nothing to change for HAProxy ${data.version}.`;
        const name = (f: HaproxyFinding): number => f.line;
        if (options.rewrite && inv.globals.output === 'table') inv.write(data.rewritten);
        else inv.print(listView({ data, rows: data.findings, columns: FINDING_COLUMNS, name, empty }));
        if (!data.ok) inv.endWith('error');
      }),
    );
  haproxy
    .command('revisions')
    .description('Earlier configurations, newest first; with a number, that one and what it changed')
    .argument('[revision]', 'number of the revision', integerBetween(1, Number.MAX_SAFE_INTEGER))
    .option('--limit <count>', 'how many to show', integerBetween(1, MAX_LISTED), 50)
    .action(
      run(async (inv, revision: number | undefined, options: { limit: number }) => {
        if (revision !== undefined) {
          const data = await inv.call(haproxyRoutes.revision, { params: { revision } });
          return inv.print({ data, names: [String(data.revision)], text: () => data.diff || data.config });
        }
        const data = await collectPages(options.limit, (query) => inv.call(haproxyRoutes.revisions, { query }));
        const name = (r: HaproxyRevision): number => r.revision;
        inv.print(listView({ data, rows: data.items, columns: REVISION_COLUMNS, name, empty: 'No revisions yet.' }));
      }),
    );
};
