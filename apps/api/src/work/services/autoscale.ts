/** What is known of a service when the number of its replicas is decided. */
export interface Load {
  /** Replicas that shall run now. */
  readonly current: number;
  readonly min: number;
  readonly max: number;
  /** `cpu`: percent of one processor that a replica is to use. `queue`: queued jobs a replica. */
  readonly metric: 'cpu' | 'queue';
  readonly target: number;
  /** `cpu`: of each replica that was measured. `queue`: one number, the queued jobs. Empty: not known. */
  readonly values: readonly number[];
}

/** What was wanted at some time before, ms. */
export interface Wanted {
  readonly at: number;
  readonly replicas: number;
}

export interface Decision {
  readonly to: number;
  /** What the load asks for by itself, to be remembered; null while it is not known. */
  readonly wanted: number | null;
  /** The mean CPU percent, or the queued jobs; null while it is not known. */
  readonly value: number | null;
  /** Why, in a word: a new one is worth a line in the log. */
  readonly kind: 'changed' | 'fits' | 'at_limit' | 'stabilising' | 'not_known';
  readonly reason: string;
}

/** A load that is off by less than this changes nothing. */
const TOLERANCE = 0.1;
/** At once no more than doubled (or this many more), and no less than half. */
const SMALL_STEP = 4;
/** Sums of fractions are not exact. */
const DUST = 1e-6;

/**
 * How many replicas shall run. Up at once; down only to the most that was wanted during the whole window. Pure.
 * @param before what was wanted within the window @param isWindowFull somebody has looked on during all of it
 */
export function decide(load: Load, before: readonly Wanted[], isWindowFull: boolean): Decision {
  const { current, min, max } = load;
  const value = measured(load);
  if (value === null)
    return limited(load, { value, wanted: null, kind: 'not_known', reason: 'no replica was measured yet' });
  const asked = askedFor(load);
  const wanted = Math.min(max, Math.max(min, asked));
  const has = `${shownLoad(load, value)}, the target is ${load.target}`;
  const found = { value, wanted };
  if (wanted > current) {
    const to = Math.max(min, Math.min(wanted, Math.max(current * 2, current + SMALL_STEP)));
    return { ...found, to, kind: 'changed', reason: `${has}: ${wanted} are needed${to < wanted ? ', in steps' : ''}` };
  }
  if (wanted < current) return scaleDown(load, { ...found, has }, before, isWindowFull);
  if (asked === wanted) return { ...found, to: current, kind: 'fits', reason: `${has}: ${current} are right` };
  const limit = asked > max ? `no more than ${max}` : `no fewer than ${min}`;
  return {
    ...found,
    to: current,
    kind: 'at_limit',
    reason: `${has}: ${asked} would be right, but ${limit} are allowed`,
  };
}

function scaleDown(
  load: Load,
  { value, wanted, has }: { value: number; wanted: number; has: string },
  before: readonly Wanted[],
  isWindowFull: boolean,
): Decision {
  const { current, min, max } = load;
  const most = isWindowFull ? Math.max(wanted, ...before.map(({ replicas }) => replicas)) : current;
  const to = Math.min(max, Math.max(min, most, Math.ceil(current / 2)));
  if (to < current) {
    return {
      value,
      wanted,
      to,
      kind: 'changed',
      reason: `${has}: ${to === wanted ? '' : `${wanted} are enough, in steps: `}${to} for now`,
    };
  }
  const why = isWindowFull ? `more were needed a short time ago (${most})` : 'that has not lasted long enough';
  return { value, wanted, to: current, kind: 'stabilising', reason: `${has}: ${wanted} would do, but ${why}` };
}

/** Without a measurement the limits hold all the same. */
function limited(load: Load, decision: Omit<Decision, 'to'>): Decision {
  const to = Math.min(load.max, Math.max(load.min, load.current));
  if (to === load.current) return { ...decision, to };
  return { ...decision, to, kind: 'changed', reason: `between ${load.min} and ${load.max} are allowed` };
}

function measured({ metric, values }: Load): number | null {
  if (values.length === 0) return null;
  const sum = values.reduce((all, one) => all + one, 0);
  return metric === 'queue' ? sum : sum / values.length;
}

const shownLoad = ({ metric }: Load, value: number): string =>
  metric === 'queue'
    ? `${value} ${value === 1 ? 'job is' : 'jobs are'} queued`
    : `CPU is at ${Math.round(value * 10) / 10} % on average`;

/** What the load asks for, whatever is allowed. Replicas that were not measured yet speak for no change in either direction. */
function askedFor({ current, metric, target, values }: Load): number {
  const sum = values.reduce((all, one) => all + one, 0);
  if (metric === 'queue') return within(sum / (target * current)) ? current : Math.ceil(sum / target - DUST);
  const missing = Math.max(0, current - values.length);
  const least = sum / target;
  const most = least + missing;
  if (least > current * (1 + TOLERANCE)) return Math.ceil(least - DUST);
  if (most < current * (1 - TOLERANCE)) return Math.ceil(most - DUST);
  return current;
}

const within = (ratio: number): boolean => Math.abs(ratio - 1) <= TOLERANCE;
