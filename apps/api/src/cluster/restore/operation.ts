import { RESTORE_STAGES, type RestoreOperation, type RestoreStage } from '@quorate/shared/restore';
import { DomainError } from '../../commands/domain-error';
import { type Clock, toTimestamp } from '../../lib/clock';
import { uuidv7 } from '../../lib/ids';

type Stage = RestoreStage;

/** Share of the whole, in percent, at which a stage begins; the last ends at 100. */
const BEGINS_AT: Record<Stage, number> = {
  fetching: 0,
  checking: 15,
  safety_backup: 30,
  preparing: 45,
  staging: 60,
  switching: 80,
  finishing: 90,
};

/** A restore as it goes on, in memory; what it leaves for good are an event and a line in the audit. */
export interface OperationTracker {
  readonly view: RestoreOperation;
  enter(stage: Stage): void;
  update(change: Partial<Pick<RestoreOperation, 'file' | 'safety_backup' | 'epoch' | 'nodes'>>): void;
  setNode(id: number, state: RestoreOperation['nodes'][number]['state']): void;
  succeed(): void;
  fail(error: unknown): void;
}

export function trackOperation(
  begin: Pick<RestoreOperation, 'kind' | 'node_id' | 'source' | 'requested_by'> & { id?: string },
  clock: Clock,
): OperationTracker {
  let view: RestoreOperation = {
    ...begin,
    id: begin.id ?? uuidv7(),
    state: 'running',
    stage: 'fetching',
    percent: 0,
    started_at: toTimestamp(clock()),
    finished_at: null,
    file: null,
    safety_backup: null,
    epoch: null,
    nodes: [],
    error: null,
  };
  return {
    get view() {
      return view;
    },
    enter(stage) {
      if (RESTORE_STAGES.indexOf(stage) > RESTORE_STAGES.indexOf(view.stage)) {
        view = { ...view, stage, percent: BEGINS_AT[stage] };
      }
    },
    update(change) {
      view = { ...view, ...change };
    },
    setNode(id, state) {
      view = { ...view, nodes: view.nodes.map((node) => (node.id === id ? { ...node, state } : node)) };
    },
    succeed() {
      view = { ...view, state: 'succeeded', stage: 'finishing', percent: 100, finished_at: toTimestamp(clock()) };
    },
    fail(error) {
      const code = error instanceof DomainError ? error.code : 'internal';
      const detail = error instanceof Error ? error.message : String(error);
      view = { ...view, state: 'failed', finished_at: toTimestamp(clock()), error: { code, detail } };
    },
  };
}
