import { nodeName } from '@quorate/shared/names';
import { labelsSchema } from '@quorate/shared/runners';
import { and, eq, sql } from 'drizzle-orm';
import { z } from 'zod';
import { defineCommand } from '../../commands/define-command';
import { DomainError } from '../../commands/domain-error';
import type { StateDb } from '../../db/state-store';
import { type RunnerRow, runners } from '../../resources/runners/table';
import { type JoinTokenRow, joinTokens, runnerRedemptions } from '../join-tokens/table';
import { refuseDuringCaRotation } from '../keys/ca-progress';
import { checkTokenPlace, checkTokenUsable } from '../members/admission';

/** More would ask more of the leader than it has been measured with. */
const MAX_RUNNERS = 500;

export interface RunnerAdmission {
  readonly tokenHash: string;
  readonly name: string;
  readonly keyPin: string;
  /** Source address of its connection. */
  readonly address: string;
}

const activeRunners = (db: StateDb): RunnerRow[] => db.select().from(runners).where(eq(runners.state, 'active')).all();

/** The runner with this key, unless it was removed. */
export const runnerOfKey = (db: StateDb, keyPin: string): RunnerRow | undefined =>
  db
    .select()
    .from(runners)
    .where(and(eq(runners.keyPin, keyPin), eq(runners.state, 'active')))
    .get();

/**
 * Whether the token lets this runner in at time `at` (ms).
 *
 * @returns the token, and the runner when this key was admitted before: then no use is taken
 * @throws DomainError token_* (401, 403), node_name_taken, conflict
 */
export function authorizeRunner(
  db: StateDb,
  request: RunnerAdmission,
  at: number,
): { token: JoinTokenRow; previous: RunnerRow | undefined } {
  const token = db.select().from(joinTokens).where(eq(joinTokens.hash, request.tokenHash)).get();
  if (!token) throw new DomainError('token_unknown', 'the join token is not known to this cluster; mint a new one');
  const previous = runnerOfKey(db, request.keyPin);
  checkTokenUsable(token, 'runner', at, previous !== undefined && redeemed(db, token.id, previous.id));
  checkTokenPlace(token, request);
  const others = activeRunners(db).filter(({ id }) => id !== previous?.id);
  if (others.some(({ name }) => name.toLowerCase() === request.name.toLowerCase())) {
    const detail = `there is a runner named ${request.name} already; choose another name, or remove that one`;
    throw new DomainError('node_name_taken', detail, [{ pointer: '/name', detail }]);
  }
  if (others.length >= MAX_RUNNERS) {
    throw new DomainError('conflict', `the cluster has ${MAX_RUNNERS} runners and takes no more; remove some`);
  }
  return { token, previous };
}

function redeemed(db: StateDb, tokenId: string, runnerId: string): boolean {
  const own = and(eq(runnerRedemptions.tokenId, tokenId), eq(runnerRedemptions.runnerId, runnerId));
  return db.select().from(runnerRedemptions).where(own).get() !== undefined;
}

/** Lets a runner in and takes one use of its token, both or neither. A key that was admitted before resumes its own join. */
export const admitRunner = defineCommand({
  type: 'runners.admit',
  since: 1,
  input: z.object({
    id: z.uuid(),
    tokenHash: z.string().length(64),
    name: nodeName,
    keyPin: z.string().length(64),
    address: z.string(),
    labels: labelsSchema,
    capacity: z.int().min(1),
    version: z.string(),
    certificateExpiresAt: z.int(),
  }),
  target: (input) => input.name,
  apply(tx, input, ctx) {
    refuseDuringCaRotation(tx);
    const { token, previous } = authorizeRunner(tx, input, ctx.at);
    const { tokenHash: _hash, id, ...runner } = input;
    const { address } = runner;
    if (previous) {
      tx.update(runners).set(runner).where(eq(runners.id, previous.id)).run();
      return { id: previous.id, resumed: true };
    }
    tx.update(joinTokens)
      .set({ uses: sql`${joinTokens.uses} + 1` })
      .where(eq(joinTokens.id, token.id))
      .run();
    tx.insert(runnerRedemptions)
      .values({ tokenId: token.id, runnerId: id, runnerName: input.name, address, at: ctx.at })
      .run();
    const times = { drainedAt: null, statusSince: ctx.at, joinedAt: ctx.at, removedAt: null };
    tx.insert(runners)
      .values({ id, ...runner, nodeId: null, state: 'active', status: 'offline', ...times })
      .run();
    const message = `the runner ${input.name} joined by the token of ${token.createdBy} from ${address}`;
    ctx.event('runner.added', message, { runner: id, token: token.id, address });
    return { id, resumed: false };
  },
});
