import type { EventType } from '@quorate/shared/events';
import type { z } from 'zod';
import type { StateDb } from '../db/state-store';

/** Who asked. `name` is what people read in audit and events. */
export interface Actor {
  readonly kind: 'user' | 'api_token' | 'local' | 'node' | 'upstream' | 'anonymous';
  readonly id: string;
  readonly name: string;
}

export type EventData = Record<string, string | number | boolean | null | readonly (string | number)[]>;

export interface ApplyContext {
  /** Time of the command in ms, made by the proposer; never goes back. */
  readonly at: number;
  readonly actor: Actor;
  readonly index: number;
  readonly epoch: number;
  /** The node that proposed. */
  readonly nodeId: number;
  readonly commandId: string;
  /** Records a domain event in the same transaction. `message` is one sentence for people. */
  event(type: EventType, message: string, data?: EventData): void;
}

/**
 * A change of the replicated state. `apply` is synchronous and pure: no clock, random, environment or I/O,
 * and it must give the same result on every node. It returns plain JSON data (kept beside the command id) or nothing, and throws
 * DomainError to refuse.
 */
export interface CommandDefinition<Input = unknown, Result = unknown> {
  readonly type: string;
  /** Feature level that introduced the command; proposing it waits until every member has that level. */
  readonly since: number;
  readonly input: z.ZodType<Input>;
  readonly apply: (tx: StateDb, input: Input, ctx: ApplyContext) => Result;
  /** What the audit record names as the thing changed; default empty. */
  readonly target: (input: Input) => string;
  /** False for the system's own bookkeeping, which would drown the audit. */
  readonly audited: boolean;
}

export function defineCommand<Input, Result>(definition: {
  type: string;
  since: number;
  input: z.ZodType<Input>;
  apply: (tx: StateDb, input: Input, ctx: ApplyContext) => Result;
  target?: (input: Input) => string;
  audited?: boolean;
}): CommandDefinition<Input, Result> {
  return { target: () => '', audited: true, ...definition };
}

/** A registry entry: the input type is known to the definition alone. */
export type AnyCommand = Omit<CommandDefinition<never>, 'input'> & { readonly input: z.ZodType };

export type CommandRegistry = ReadonlyMap<string, AnyCommand>;

/** Commands by type. @throws Error on a type that is registered twice */
export function createRegistry(definitions: readonly AnyCommand[]): CommandRegistry {
  const registry = new Map<string, AnyCommand>();
  for (const definition of definitions) {
    if (registry.has(definition.type)) throw new Error(`command ${definition.type} is registered twice`);
    registry.set(definition.type, definition);
  }
  return registry;
}

/** What this build understands. Raised by one when a command is added or changed. */
export const FEATURE_LEVEL = 1;
