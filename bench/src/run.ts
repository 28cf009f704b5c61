import { parseArgs } from 'node:util';
import { boundText, type Figure, holds, Unmeasurable } from './figure';
import { catchUp } from './figures/catch-up';
import { idleMemory, joinToVoter, leaderFailover, plannedTransfer, worstFailover } from './figures/cluster';
import { connectorKilled, connectorStopped } from './figures/connector';
import { httpReads } from './figures/http';
import { jobStart, jobsAgainstSpawns, jobsSingly, jobThroughput } from './figures/jobs';
import { localLog } from './figures/local-log';
import { planner } from './figures/planner';
import { ready } from './figures/ready';
import { replay } from './figures/replay';
import { replicatedLatency, replicatedThroughput } from './figures/replicated';
import { restoreByCopy, restoreSpeed } from './figures/restore';
import { leaderWithRunners } from './figures/runners';
import { scaleOut } from './figures/services';
import { snapshotUnderWrites } from './figures/snapshot';

/** Every figure that `npm run bench` prints, in this order. */
const FIGURES: readonly Figure[] = [
  replicatedLatency,
  replicatedThroughput,
  localLog,
  httpReads,
  replay,
  ready,
  joinToVoter,
  leaderFailover,
  worstFailover,
  plannedTransfer,
  connectorKilled,
  connectorStopped,
  catchUp,
  snapshotUnderWrites,
  restoreSpeed,
  restoreByCopy,
  scaleOut,
  planner,
  idleMemory,
  leaderWithRunners,
  jobStart,
  jobThroughput,
  jobsSingly,
  jobsAgainstSpawns,
];

interface Result {
  readonly name: string;
  readonly value: number | null;
  readonly unit: string;
  readonly bound: string;
  readonly holds: boolean;
  readonly why: string;
  readonly error?: string;
}

async function measure(figure: Figure): Promise<Result> {
  const { name, unit, why } = figure;
  const base = { name, unit, bound: boundText(figure), why };
  try {
    const value = await figure.measure();
    return { ...base, value: Number(value.toPrecision(4)), holds: holds(figure, value) };
  } catch (error) {
    if (!(error instanceof Unmeasurable)) throw error;
    return { ...base, value: null, holds: false, error: error.message };
  }
}

function row({ name, value, unit, bound, holds: ok, why, error }: Result): string {
  const shown = value === null ? '–' : `${value.toLocaleString('en')} ${unit === 'ratio' ? '×' : unit}`;
  return `${name.padEnd(24)}${shown.padEnd(22)}${bound.padEnd(12)}${(ok ? 'holds' : 'MISSED').padEnd(8)}${error ?? why}`;
}

function fail(message: string): never {
  process.stderr.write(`bench: ${message}\n`);
  process.exit(2);
}

function options(): { json: boolean; chosen: readonly Figure[] } {
  try {
    const { values } = parseArgs({
      options: { json: { type: 'boolean', default: false }, only: { type: 'string', multiple: true } },
    });
    const names = FIGURES.map((figure) => figure.name);
    const unknown = values.only?.find((name) => !names.includes(name));
    if (unknown !== undefined) fail(`there is no figure "${unknown}"; the figures are ${names.join(', ')}`);
    const chosen = FIGURES.filter((figure) => values.only?.includes(figure.name) ?? true);
    return { json: values.json, chosen };
  } catch (error) {
    return fail(`${error instanceof Error ? error.message : String(error)}; use --json and --only "name"`);
  }
}

const { json, chosen } = options();
if (!json)
  console.log(`${'figure'.padEnd(24)}${'value'.padEnd(22)}${'bound'.padEnd(12)}${''.padEnd(8)}what is measured`);
let missed = 0;
for (const figure of chosen) {
  const result = await measure(figure);
  if (!result.holds) missed += 1;
  console.log(json ? JSON.stringify(result) : row(result));
}
if (missed > 0)
  process.stderr.write(
    `${missed} of ${chosen.length} figures missed their bound; a busy machine does that, so run it alone\n`,
  );
process.exit(0);
