import { nearest } from '@quorate/shared/nearest';
import { type ServiceSpec, serviceSpecSchema } from '@quorate/shared/services';
import { unknownFields } from '@quorate/shared/unknown-fields';
import { type Command, InvalidArgumentError } from 'commander';
import { CliError } from '../cli-error';
import { checkedBy, readDocument } from '../document';
import { collect, collectPair, integerBetween, pairsOf } from '../globals';
import type { Invocation } from '../invocation';

/** A specification: a file, or a program with options. */
export interface SpecOptions {
  file?: string;
  env?: string[];
  label?: string[];
  port?: string[];
  health?: Check;
  publish?: string;
  maxUnavailable?: number;
}
interface Check {
  readonly type: 'none' | 'tcp' | 'http';
  readonly path?: string;
}

function check(text: string): Check {
  if (text === 'none' || text === 'tcp' || text === 'http') return { type: text };
  if (text.startsWith('http:/')) return { type: 'http', path: text.slice('http:'.length) };
  throw new InvalidArgumentError('It must be none, tcp, http or a path such as http:/healthz.');
}

export const addSpecOptions = (command: Command): Command =>
  command
    .argument('[command]', 'a program of the runners, after --: no shell reads it')
    .argument('[args...]', 'its arguments')
    .option('-f, --file <file>', 'its whole specification, as YAML or JSON, instead of a program')
    .option('--env <key=value>', 'a variable; the environment holds little else; repeatable', collectPair)
    .option('--label <key=value>', 'a label that its runners must have; repeatable', collectPair)
    .option('--port <name>', 'a port that it opens, as PORT_NAME (and PORT for the first) says; repeatable', collect)
    .option('--health <check>', 'how to tell that it is well, at its first port: tcp, http or http:/PATH', check)
    .option('--publish <name>', 'the port that the load balancer sends traffic to')
    .option('--max-unavailable <count>', 'replicas that may be away at once (default: 1)', integerBetween(1, 100));

/** @throws CliError when it is not clear what to run, or that is no specification */
export async function specOf(
  inv: Invocation,
  command: string | undefined,
  args: readonly string[],
  options: SpecOptions,
): Promise<ServiceSpec> {
  const { file, env, label, port: ports, health, publish, maxUnavailable: max_unavailable } = options;
  const given = { env, label, port: ports, health, publish, 'max-unavailable': max_unavailable };
  const extra = Object.entries(given).find(([, value]) => value !== undefined)?.[0];
  if (file !== undefined) {
    if (command !== undefined) throw new CliError('usage', 'give --file or a program, not both');
    if (extra !== undefined) throw new CliError('usage', `--${extra} belongs into ${file}`);
    return readSpec(inv, file);
  }
  if (command === undefined) {
    throw new CliError('usage', 'say what to run: --file SPEC.yaml, or -- PROGRAM ARGUMENTS');
  }
  if (health && health.type !== 'none' && !ports) throw new CliError('usage', '--health needs a --port to look at');
  const spec = {
    ...{ command, args, env: pairsOf(env), labels: pairsOf(label), ports, publish, max_unavailable },
    ...(health ? { health: { ...health, port: ports?.[0] } } : {}),
  };
  return checkedBy(serviceSpecSchema, spec, 'the specification');
}

/** A specification from a file of JSON or YAML. Its fields are checked here, before anything is sent. */
export async function readSpec(inv: Invocation, file: string): Promise<ServiceSpec> {
  const spec = await readDocument(inv.io, file);
  refuseUnknown(spec, file);
  const taken = checkedBy(serviceSpecSchema, spec, file);
  const [below] = unknownFields(spec, taken);
  if (below !== undefined) throw new CliError('usage', `${file}: ${below} is no field of a specification`);
  return taken;
}

/** A slip in a name would leave out what was meant, without a word. */
function refuseUnknown(spec: unknown, file: string): void {
  if (typeof spec !== 'object' || spec === null) return;
  const known = Object.keys(serviceSpecSchema.shape);
  const unknown = Object.keys(spec).find((key) => !known.includes(key));
  if (unknown === undefined) return;
  const near = nearest(unknown, known);
  const hint = near ? `did you mean ${near}?` : `known are: ${known.join(', ')}`;
  throw new CliError('usage', `${file}: ${unknown} is no field of a specification`, { hint });
}
