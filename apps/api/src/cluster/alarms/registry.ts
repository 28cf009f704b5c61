import { type Alarm, type AlarmCode, alarmSchema, isClearable } from '@quorate/shared/alarms';
import type { LocalEvents } from '../../events/local-events';
import { type Clock, toTimestamp } from '../../lib/clock';
import type { Logger } from '../../lib/logger';
import type { Reconciler } from '../../reconcile/driver';

/** Something that is wrong right now. */
export interface Condition {
  readonly code: AlarmCode;
  readonly severity: Alarm['severity'];
  /** `own`: about this node, which alone tells of it. `cluster`: every node sees it, the leader records it. */
  readonly scope: 'own' | 'cluster';
  /** Tells conditions of one code apart: a member, a certificate. */
  readonly subject?: string;
  /** The member it is about, where that is not this node. */
  readonly nodeId?: number;
  readonly message: string;
  readonly cure: string;
  /** How long it must last before it is an alarm, ms; default 0. */
  readonly holdMs?: number;
}

/** Looks for conditions; quick, since it runs every second. */
export type AlarmSource = () => readonly Condition[] | Promise<readonly Condition[]>;

export interface Alarms extends Reconciler {
  /** In force on this node and, as far as they say, on its peers; the gravest first. */
  inForce(): Alarm[];
  /** Those about this node, as its peers hear of them. */
  own(): Alarm[];
  /** Adds another place to look. */
  watch(source: AlarmSource): void;
}

export interface AlarmsDeps {
  readonly nodeId: number;
  readonly clock: Clock;
  readonly localEvents: LocalEvents;
  readonly isLeader: () => boolean;
  /** What each peer that answers says of itself. */
  readonly peerAlarms: () => readonly Alarm[];
  readonly logger: Logger;
}

interface Tracked {
  condition: Condition;
  /** When it was first seen, ms. */
  readonly since: number;
  raised: boolean;
  /** When it was last seen, ms. */
  seenAt: number;
}

/** A condition that flickers is one alarm, not ten. */
const CLEAR_AFTER_MS = 2_000;
const keyOf = ({ code, scope, subject = '' }: Pick<Condition, 'code' | 'scope' | 'subject'>): string =>
  `${code}/${scope}/${subject}`;

/** Own alarms that were raised and not cleared when the process ended: they are not told twice. */
function remembered(localEvents: LocalEvents): Map<string, number> {
  const standing = new Map<string, number>();
  for (const { position, event } of localEvents.after(0)) {
    const { code, scope, subject } = event.data;
    if (!event.type.startsWith('alarm.') || scope !== 'own') continue;
    const key = `${String(code)}/own/${String(subject ?? '')}`;
    if (event.type === 'alarm.raised') standing.set(key, position);
    else standing.delete(key);
  }
  return standing;
}

/** Keeps the alarms in force, and tells when one begins and ends. */
export function createAlarms(deps: AlarmsDeps): Alarms {
  const { nodeId, clock, localEvents, logger } = deps;
  const sources: AlarmSource[] = [];
  const tracked = new Map<string, Tracked>();
  for (const [key, since] of remembered(localEvents)) {
    const condition = placeholder(key);
    if (condition) tracked.set(key, { condition, since, raised: true, seenAt: clock() });
  }

  function tell(type: 'alarm.raised' | 'alarm.cleared', { condition }: Tracked): void {
    const { code, scope, subject = '', severity, message } = condition;
    if (scope === 'cluster' && !deps.isLeader()) return;
    const text =
      type === 'alarm.raised' ? message : `${code.replaceAll('_', ' ')} is over${subject && ` (${subject})`}`;
    localEvents.record(type, text, { code, scope, subject, severity });
    logger[type === 'alarm.raised' ? 'warn' : 'info']({ code, subject }, `${type.replace('.', ' ')}: ${text}`);
  }

  function view({ condition, since }: Tracked): Alarm {
    const { code, severity, scope, subject = '', message, cure } = condition;
    return {
      code,
      severity,
      node_id: condition.nodeId ?? (scope === 'own' ? nodeId : null),
      subject,
      message,
      cure,
      since: toTimestamp(since),
      clearable: isClearable(code),
    };
  }

  const raised = (scope: Condition['scope']): Alarm[] =>
    [...tracked.values()].filter((one) => one.raised && one.condition.scope === scope).map(view);

  function take(conditions: readonly Condition[], nowMs: number): void {
    for (const condition of conditions) {
      const key = keyOf(condition);
      const known = tracked.get(key) ?? { condition, since: nowMs, raised: false, seenAt: nowMs };
      tracked.set(key, known);
      known.condition = condition;
      known.seenAt = nowMs;
      if (known.raised || nowMs - known.since < (condition.holdMs ?? 0)) continue;
      known.raised = true;
      tell('alarm.raised', known);
    }
    for (const [key, one] of tracked) {
      if (one.seenAt === nowMs || (one.raised && nowMs - one.seenAt < CLEAR_AFTER_MS)) continue;
      tracked.delete(key);
      if (one.raised) tell('alarm.cleared', one);
    }
  }

  return {
    name: 'alarms',
    intervalMs: 1_000,
    inForce: () => [...raised('own'), ...raised('cluster'), ...deps.peerAlarms()].sort(byGravity),
    own: () => raised('own'),
    watch: (source) => void sources.push(source),
    async run() {
      const found = await Promise.all(
        sources.map(async (source) => {
          try {
            return await source();
          } catch (error) {
            logger.debug({ err: error }, 'a source of alarms failed');
            return [];
          }
        }),
      );
      take(found.flat(), clock());
    },
  };
}

const byGravity = (a: Alarm, b: Alarm): number =>
  Number(b.severity === 'critical') - Number(a.severity === 'critical') || a.since.localeCompare(b.since);

/** Stands for an alarm of the process before, until its source is asked or it is cleared. */
function placeholder(key: string): Condition | undefined {
  const [code, , ...subject] = key.split('/');
  const known = alarmSchema.shape.code.safeParse(code);
  if (!known.success) return undefined;
  const message = `${known.data.replaceAll('_', ' ')}, before this node was restarted`;
  return { code: known.data, severity: 'warning', scope: 'own', subject: subject.join('/'), message, cure: '' };
}
