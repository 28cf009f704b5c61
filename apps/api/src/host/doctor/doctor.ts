import pc from 'picocolors';
import type { LoadedConfig } from '../../config/load';
import { ConfigError } from '../../config/problem';
import { type ConfigOptions, configFileOf, type HostContext, load } from '../config-options';
import { gatherFacts } from './facts';
import { type Finding, fail, ok, type Status, warn } from './finding';
import { checkCertificate, checkNode } from './identity-checks';
import { checkAgent, checkDataDir, checkEtcd, checkJoins, checkPorts, checkQuorum, checkState } from './local-checks';
import { checkMembers, checkNames } from './network-checks';
import { checkConnector } from './upstream-checks';

export interface DoctorOptions extends ConfigOptions {
  readonly output: 'text' | 'json';
}

/** `quorated doctor`: looks at everything and changes nothing. @returns 1 when something fails, else 0 */
export async function runDoctor(context: HostContext, options: DoctorOptions): Promise<number> {
  const file = configFileOf(options) ?? null;
  const { loaded, findings: configured } = readConfiguration(context, options, file);
  const findings = loaded ? [...configured, ...(await examine(context, loaded))] : configured;
  const failed = findings.some(({ status }) => status === 'fail');
  if (options.output === 'json') {
    const dataDir = loaded?.config.data_dir ?? null;
    const report = { ok: !failed, version: context.version, config_file: file, data_dir: dataDir, checks: findings };
    process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
  } else {
    const color = context.stdoutTty && !context.env['NO_COLOR'];
    process.stdout.write(renderFindings(findings, color));
  }
  return failed ? 1 : 0;
}

function readConfiguration(
  context: HostContext,
  options: DoctorOptions,
  file: string | null,
): { loaded: LoadedConfig | undefined; findings: Finding[] } {
  const check = 'configuration';
  try {
    const loaded = load(context, options);
    const cure = 'correct the configuration; "quorated config view --origin" shows where each value comes from';
    const warnings = loaded.warnings.map((text) => warn(check, text, cure));
    return { loaded, findings: [ok(check, file ?? 'defaults, environment and flags'), ...warnings] };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const findings = error.problems.map(({ key, origin, message }) => {
      const where = [origin === 'default' ? '' : origin, key].filter((part) => part !== '').join(': ');
      return fail(check, where === '' ? message : `${where}: ${message}`, 'correct it; nothing else could be checked');
    });
    return { loaded: undefined, findings };
  }
}

async function examine(context: HostContext, loaded: LoadedConfig): Promise<Finding[]> {
  const { migrationsDir, version } = context;
  const facts = await gatherFacts(loaded, { migrationsDir, version, now: Date.now() });
  const [ports, etcd, names, members] = await Promise.all([
    checkPorts(facts),
    checkEtcd(facts),
    checkNames(facts),
    checkMembers(facts),
  ]);
  return [
    ...checkDataDir(facts),
    ...checkState(facts),
    ...checkNode(facts),
    ...checkCertificate(facts),
    ...checkAgent(facts),
    ...checkQuorum(facts),
    ...checkJoins(facts),
    ...checkConnector(facts),
    ...ports,
    ...etcd,
    ...names,
    ...members,
  ];
}

const WORDS: Record<Status, string> = { ok: 'ok', warn: 'warn', fail: 'FAIL' };

function renderFindings(findings: readonly Finding[], color: boolean): string {
  const colors = pc.createColors(color);
  const paint: Record<Status, (text: string) => string> = { ok: colors.green, warn: colors.yellow, fail: colors.red };
  const width = Math.max(...findings.map(({ check }) => check.length));
  const lines = findings.flatMap(({ check, status, detail, cure }) => {
    const row = `${paint[status](WORDS[status].padEnd(4))}  ${check.padEnd(width)}  ${detail}`;
    return cure === '' ? [row] : [row, `      ${' '.repeat(width)}  ${colors.dim('→')} ${cure}`];
  });
  const count = (status: Status): number => findings.filter((finding) => finding.status === status).length;
  lines.push('', `${count('ok')} ok, ${count('warn')} to look at, ${count('fail')} failed`);
  return `${lines.join('\n')}\n`;
}
