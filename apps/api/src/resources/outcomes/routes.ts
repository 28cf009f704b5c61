import { type CommandOutcome, commandRoutes } from '@quorate/shared/commands';
import { eq } from 'drizzle-orm';
import type { Outcome } from '../../commands/apply-entry';
import type { StateDb } from '../../db/state-store';
import { seenCommands } from '../../db/system-table';
import { type Endpoint, endpoint } from '../../http/endpoint';
import type { Barrier } from '../../replication/barrier';

/** What the state remembers of a command id. */
export function findOutcome(db: StateDb, id: string): { index: number; outcome: Outcome } | undefined {
  const row = db.select().from(seenCommands).where(eq(seenCommands.id, id)).get();
  return row && { index: row.logIndex, outcome: JSON.parse(row.outcome) as Outcome };
}

export function outcomeEndpoints(deps: { barrier: Barrier }): Endpoint[] {
  return [
    endpoint(commandRoutes.get, async (ctx, { params }): Promise<CommandOutcome> => {
      await deps.barrier();
      const known = findOutcome(ctx.db, params.id);
      if (!known) return { command_id: params.id, outcome: 'not_seen', index: null, code: null };
      const { index, outcome } = known;
      if (outcome.ok) return { command_id: params.id, outcome: 'applied', index, code: null };
      return { command_id: params.id, outcome: 'refused', index, code: outcome.code };
    }),
  ];
}
