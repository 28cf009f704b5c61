import type { StateDb } from '../../db/state-store';

/** A voting core node, as the state has it. */
export interface HaNode {
  readonly id: number;
  readonly name: string;
  readonly drained: boolean;
}

/** The voting core nodes, by id. Pure over the state. */
export type HaNodes = (db: StateDb) => readonly HaNode[];

/** What the update node by node does with a core node, and asks of it. */
export interface HaNodeControl {
  readonly nodes: HaNodes;
  /** Why a node cannot be relied on now, as this node sees it; undefined when it can. */
  trouble(id: number): string | undefined;
  /** Takes it out of service, or puts it back. @throws DomainError conflict when no other is in service */
  setDrained(id: number, drained: boolean): Promise<void>;
}
