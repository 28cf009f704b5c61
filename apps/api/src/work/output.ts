import type { OutputChunk, OutputRange } from '@quorate/shared/runner-protocol';
import { eq } from 'drizzle-orm';
import type { StateDb } from '../db/state-store';
import type { Clock } from '../lib/clock';
import type { Applier } from '../replication/applier';
import { runners } from '../resources/runners/table';
import type { EmbeddedRunner } from './embedded';
import type { RunnerHub } from './hub';
import type { LogSource } from './jobs/logs/follow';
import { createLogStreams, type LogStreams } from './jobs/logs/stream';
import { runnerLoads } from './jobs/queries';
import type { JobRow } from './jobs/table';
import { whyWaiting } from './jobs/view';
import { createOutputStreams } from './output-stream';
import { createReplicaLogs, type ReplicaLogs } from './services/logs/follow';
import { watchState } from './state-change';

type ReadOutput = (runnerId: string, range: OutputRange) => Promise<OutputChunk | undefined>;
type ReadAnywhere = LogSource['read'];

/** Output of runners that are connected to other core nodes. */
export interface OutputElsewhere {
  /** What this node reads itself, for the others. */
  attach(read: ReadOutput): void;
  ask(nodeIds: readonly number[], ...question: Parameters<ReadAnywhere>): ReturnType<ReadOutput>;
}

export interface OutputDeps {
  readonly nodeId: number;
  readonly db: () => StateDb;
  readonly applier: Applier;
  readonly hub: Pick<RunnerHub, 'output'>;
  readonly embedded: Pick<EmbeddedRunner, 'isOwn' | 'output'>;
  readonly elsewhere: OutputElsewhere;
  /** Nodes that a runner is connected to. */
  readonly heardBy: (runnerId: string) => readonly number[];
  readonly clock: Clock;
}

/** Output of programs, whichever runner has it and whichever node that is connected to. */
export interface Output {
  readonly read: ReadAnywhere;
  readonly logs: LogStreams;
  readonly replicaLogs: ReplicaLogs;
  stop(): void;
}

export function createOutput(deps: OutputDeps): Output {
  const { db, hub, embedded } = deps;
  const change = watchState(deps.applier);
  const rowOf = (id: string) => db().select().from(runners).where(eq(runners.id, id)).get();

  const readHere: ReadOutput = async (runnerId, range) =>
    (await hub.output(runnerId, range)) ?? (embedded.isOwn(runnerId) ? embedded.output(range) : undefined);
  deps.elsewhere.attach(readHere);

  const read: ReadAnywhere = async (runnerId, range, signal) => {
    const found = await readHere(runnerId, range);
    if (found) return found;
    const home = rowOf(runnerId)?.nodeId ?? null;
    const nodes = home === null ? deps.heardBy(runnerId) : [home];
    const others = nodes.filter((id) => id !== deps.nodeId);
    return deps.elsewhere.ask(others, runnerId, range, signal);
  };
  const streams = createOutputStreams();
  const source = {
    db,
    read,
    nameOf: (runnerId: string) => rowOf(runnerId)?.name ?? runnerId,
    whyWaiting: (job: JobRow) => whyWaiting(job, runnerLoads(db()), deps.clock()),
    changed: change.next,
  } satisfies LogSource;
  const logs = createLogStreams(source, streams);
  return { read, logs, replicaLogs: createReplicaLogs(source, streams), stop: change.stop };
}
