import type { AlarmClearing, AlarmStep, ClearableAlarm } from '@quorate/shared/alarms';
import { DomainError } from '../../commands/domain-error';
import { delay } from '../../lib/async';
import { type Clock, toTimestamp } from '../../lib/clock';
import { uuidv7 } from '../../lib/ids';
import type { Logger } from '../../lib/logger';
import type { EtcdClient } from '../../replication/etcd/client';
import { allStatuses, type MemberStatus, newestLeader } from '../../replication/etcd/members';
import type { Compactor } from '../compaction';
import { defragment } from '../defragmentation';
import { notOurs } from '../external/refusal';
import type { Journal } from '../journal';
import type { SnapshotKeeper } from '../snapshots/keeper';
import { compareJournals } from './compare-journals';
import { ALARM_NUMBERS, parseEtcdAlarms } from './etcd-alarms';

const GET = 0;
const DEACTIVATE = 2;
const CALL_MS = 10_000;
/** How long etcd gets to free what was compacted, before its file is rewritten. */
const SETTLE_MS = 20_000;
const SETTLE_POLL_MS = 500;
const MB = 1e6;
/** Waiting for it would keep the cluster from taking the very write that removes it. */
const LEFT_OUT = 'does not answer and is left out; back again, it raises the alarm once more if its own file is full';

export interface AlarmClearer {
  /** What would be done, in order. */
  plan(code: ClearableAlarm): Promise<AlarmClearing>;
  /** The operation that runs or ran last on this node. */
  current(): AlarmClearing | undefined;
  /** The newest one for an alarm that this node or a member that answers knows of. */
  look(code: string): Promise<AlarmClearing | undefined>;
  /** Starts it, and answers at once; under an id that was given before, answers with that one. @throws DomainError conflict one runs already */
  start(code: ClearableAlarm, requestedBy: string, id?: string): Promise<AlarmClearing>;
  stop(): Promise<void>;
}

export interface AlarmClearerDeps {
  readonly journal: Journal;
  readonly keeper: SnapshotKeeper;
  readonly compactor: Compactor;
  /** The last operations of the members that answer. */
  readonly peerClearings: () => Promise<readonly AlarmClearing[]>;
  /** Whether every member has the same state; a sentence that says what was found. */
  readonly compare: () => Promise<{ readonly equal: boolean; readonly detail: string }>;
  /** Puts an entry that changes nothing through the log: etcd looks at its limits when it is to take one. */
  readonly write: () => Promise<unknown>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** One step: what it will do, and how. `run` gives a sentence of what it did. */
interface Task {
  readonly name: AlarmStep['name'];
  readonly member: string;
  readonly detail: string;
  readonly run: () => Promise<string>;
}

const inMb = (bytes: string | undefined): string => `${Math.round(Number(bytes ?? 0) / MB)} MB`;

/** Clears an alarm of etcd in steps that are safe by themselves and may be repeated. */
export function createAlarmClearer(deps: AlarmClearerDeps): AlarmClearer {
  const { journal, keeper, compactor, clock, logger } = deps;
  const stopping = new AbortController();
  let current: AlarmClearing | undefined;
  let running: Promise<void> = Promise.resolve();

  function client(): EtcdClient {
    const found = journal.engine?.client;
    if (!found) throw new DomainError('single_mode', 'a single node has no etcd');
    if (journal.engine?.external) {
      const how = 'compact and defragment it with etcdctl, then disarm the alarm (etcdctl alarm disarm)';
      throw notOurs('the alarms of that etcd are not cleared from here', how);
    }
    return found;
  }

  async function members(): Promise<readonly MemberStatus[]> {
    const statuses = await allStatuses(client()).catch((error: unknown) => {
      const why = error instanceof Error ? error.message : String(error);
      throw new DomainError('no_quorum', `etcd does not list its members: ${why}`, [], 2);
    });
    const leader = newestLeader(statuses);
    return [...statuses].sort((a, b) => Number(a.member.id === leader) - Number(b.member.id === leader));
  }

  /** Compaction frees in the background. */
  async function settle(): Promise<string> {
    const deadline = performance.now() + SETTLE_MS;
    let before = Number.POSITIVE_INFINITY;
    while (performance.now() < deadline && !stopping.signal.aborted) {
      const used = Math.max(...(await members()).map(({ status }) => Number(status?.db_size_in_use ?? 0)));
      if (used >= before) break;
      before = used;
      await delay(SETTLE_POLL_MS, stopping.signal);
    }
    return `${Math.round(before / MB)} MB are in use now`;
  }

  const snapshotTask: Task = {
    name: 'snapshot',
    member: '',
    detail: 'make a snapshot of the state and verify it, so that the log below it may go',
    run: async () => {
      const { index, bytes } = await keeper.make();
      return `a verified snapshot of index ${index} is kept (${inMb(String(bytes))})`;
    },
  };
  const compactTask: Task = {
    name: 'compact',
    member: '',
    detail: 'trim the log below that snapshot and below what every member that answers has applied',
    run: async () => `the log begins at index ${await compactor.compactNow()}; ${await settle()}`,
  };
  const compareTask: Task = {
    name: 'compare',
    member: '',
    detail: 'compare the journals of all members; the alarm stays unless they are equal',
    run: async () => {
      const { equal, detail } = await compareJournals(client(), members, stopping.signal);
      if (!equal) throw new Error(detail);
      return detail;
    },
  };
  // Only now: what is compared is the state at one entry of the log, and etcd took none before.
  const compareStatesTask: Task = {
    name: 'compare',
    member: '',
    detail: 'compare the states that came of them; one that differs takes that of the others by itself',
    run: async () => {
      const { equal, detail } = await deps.compare();
      if (!equal) throw new Error(detail);
      return detail;
    },
  };

  const defragmentTask = (one: MemberStatus): Task => ({
    name: 'defragment',
    member: one.member.name,
    detail: one.status
      ? `rewrite the file of ${one.member.name} (${inMb(one.status.db_size)}) without what is free in it; it pauses meanwhile`
      : LEFT_OUT,
    run: async () => {
      if (!one.status) return LEFT_OUT;
      await defragment(client(), one);
      const now = (await members()).find(({ member }) => member.id === one.member.id);
      return `from ${inMb(one.status?.db_size)} to ${inMb(now?.status?.db_size)}`;
    },
  });

  const disarmTask = (code: ClearableAlarm): Task => ({
    name: 'disarm',
    member: '',
    detail: 'tell etcd that the cause is gone, so that it takes writes again',
    run: async () => {
      const alarm = ALARM_NUMBERS[code];
      const options = { retry: 'safe', deadlineMs: CALL_MS } as const;
      const standing = (await client().call('Maintenance.Alarm', { action: GET, alarm }, options)).alarms;
      for (const { member_id } of standing.filter((one) => one.alarm === alarm)) {
        await client().call('Maintenance.Alarm', { action: DEACTIVATE, member_id, alarm }, options);
      }
      return `${standing.length} alarm${standing.length === 1 ? '' : 's'} disarmed`;
    },
  });

  const checkTask = (code: ClearableAlarm): Task => ({
    name: 'check',
    member: '',
    detail: 'look whether a write goes through, and whether etcd raises it again',
    run: async () => {
      await deps.write();
      const again = (await members()).flatMap(({ status }) => parseEtcdAlarms(status?.errors ?? []));
      if (!again.some((alarm) => alarm.code === code)) return 'the alarm is gone';
      throw new Error('it was raised again: raise raft.quota_bytes, or look for what writes so much');
    },
  });

  async function tasks(code: ClearableAlarm): Promise<Task[]> {
    if (code === 'etcd_corrupt') return [compareTask, disarmTask(code), checkTask(code), compareStatesTask];
    const defragmenting = (await members()).filter(({ member }) => !member.is_learner).map(defragmentTask);
    return [snapshotTask, compactTask, ...defragmenting, disarmTask(code), checkTask(code)];
  }

  const stepOf = ({ name, member, detail }: Task): AlarmStep => ({ name, member, state: 'waiting', detail });

  async function planned(code: ClearableAlarm, requestedBy: string): Promise<{ todo: Task[]; view: AlarmClearing }> {
    const todo = await tasks(code);
    const none = { id: null, started_at: null, finished_at: null };
    return { todo, view: { ...none, code, state: 'planned', steps: todo.map(stepOf), requested_by: requestedBy } };
  }

  async function carryOut(todo: readonly Task[], view: AlarmClearing): Promise<void> {
    const setStep = (at: number, change: Partial<AlarmStep>): void => {
      const before = current ?? view;
      current = { ...before, steps: before.steps.map((step, n) => (n === at ? { ...step, ...change } : step)) };
    };
    const finish = (state: 'succeeded' | 'failed'): void => {
      current = { ...(current ?? view), state, finished_at: toTimestamp(clock()) };
    };
    for (const [at, task] of todo.entries()) {
      setStep(at, { state: 'running' });
      try {
        if (stopping.signal.aborted) throw new Error('the node was stopped');
        const detail = await task.run();
        setStep(at, { state: 'done', detail });
        logger.info({ alarm: view.code, step: task.name, member: task.member }, `clearing an alarm: ${detail}`);
      } catch (error) {
        const detail = error instanceof Error ? error.message : String(error);
        setStep(at, { state: 'failed', detail });
        logger.warn({ alarm: view.code, step: task.name, err: error }, 'clearing an alarm stopped');
        return finish('failed');
      }
    }
    finish('succeeded');
  }

  async function known(): Promise<AlarmClearing[]> {
    const seen = [...(current ? [current] : []), ...(await deps.peerClearings())];
    return seen.sort((a, b) => (b.started_at ?? '').localeCompare(a.started_at ?? ''));
  }

  return {
    plan: async (code) => (await planned(code, '')).view,
    current: () => current,
    look: async (code) => (await known()).find((one) => one.code === code),
    async start(code, requestedBy, id) {
      const before = await known();
      const same = before.find((one) => one.id === id);
      if (id !== undefined && same) return same;
      const { todo, view } = await planned(code, requestedBy);
      if ([...before, current].some((one) => one?.state === 'running')) {
        throw new DomainError('conflict', 'an alarm is being cleared already', [], 2);
      }
      const started: AlarmClearing = {
        ...view,
        id: id ?? uuidv7(),
        state: 'running',
        started_at: toTimestamp(clock()),
      };
      current = started;
      running = carryOut(todo, started);
      return started;
    },
    async stop() {
      stopping.abort();
      await running;
    },
  };
}
