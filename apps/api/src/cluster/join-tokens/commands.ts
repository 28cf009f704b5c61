import { joinTokenKind } from '@quorate/shared/join-tokens';
import { nodeId, nodeName } from '@quorate/shared/names';
import { eq, lt } from 'drizzle-orm';
import { z } from 'zod';
import { keyReused } from '../../commands/apply-entry';
import { defineCommand } from '../../commands/define-command';
import { DomainError } from '../../commands/domain-error';
import type { StateDb } from '../../db/state-store';
import { refuseDuringCaRotation } from '../keys/ca-progress';
import { liveMembers } from '../members/admission';
import { members } from '../members/table';
import { type JoinTokenRow, joinTokens } from './table';

/** Tokens are listed this long after they expired; then they go when the next one is minted. */
const RETENTION_MS = 90 * 24 * 3600 * 1000;

export const createJoinToken = defineCommand({
  type: 'join_tokens.create',
  since: 1,
  input: z.object({
    id: z.uuid(),
    hash: z.string().length(64),
    kind: joinTokenKind,
    maxUses: z.int().min(1).max(63),
    ttlMs: z.int().positive(),
    nodeName: nodeName.nullable(),
    nodeId: nodeId.nullable(),
    allowedCidrs: z.array(z.string()),
  }),
  target: (input) => input.id,
  apply(tx, { ttlMs, ...input }, ctx) {
    // It would pin a CA that is about to be replaced.
    refuseDuringCaRotation(tx);
    checkBindings(tx, input);
    refuseKnownSecret(tx, input.hash);
    tx.delete(joinTokens)
      .where(lt(joinTokens.expiresAt, ctx.at - RETENTION_MS))
      .run();
    const times = { createdAt: ctx.at, expiresAt: ctx.at + ttlMs, revokedAt: null };
    tx.insert(joinTokens)
      .values({ ...input, uses: 0, createdBy: ctx.actor.name, ...times })
      .run();
    const uses = input.maxUses === 1 ? 'one use' : `${input.maxUses} uses`;
    const minutes = Math.ceil(ttlMs / 60_000);
    ctx.event('join_token.minted', `${ctx.actor.name} minted a ${input.kind} join token for ${uses}, ${minutes} min`, {
      token: input.id,
      kind: input.kind,
    });
    return { id: input.id };
  },
});

function checkBindings(tx: StateDb, input: Pick<JoinTokenRow, 'nodeName' | 'nodeId' | 'maxUses'>): void {
  const refuse = (code: 'node_name_taken' | 'node_id_taken' | 'validation_failed', detail: string, pointer: string) =>
    new DomainError(code, detail, [{ pointer, detail }]);
  const { nodeName: name, nodeId: id } = input;
  if ((name !== null || id !== null) && input.maxUses > 1) {
    const detail = 'a token that is bound to one node name or id can be used once: set max_uses to 1';
    throw refuse('validation_failed', detail, '/max_uses');
  }
  const namesake = name && liveMembers(tx).find((member) => member.name.toLowerCase() === name.toLowerCase());
  if (namesake) {
    throw refuse('node_name_taken', `node ${namesake.id} is named ${name} already; choose another name`, '/node_name');
  }
  if (id !== null && tx.select().from(members).where(eq(members.id, id)).get()) {
    throw refuse('node_id_taken', `node id ${id} was used before; choose another or leave it out`, '/node_id');
  }
}

/** The plaintext is made from the Idempotency-Key: one that is used again after its outcome was forgotten makes it again. */
function refuseKnownSecret(tx: StateDb, hash: string): void {
  const known = tx.select({ id: joinTokens.id }).from(joinTokens).where(eq(joinTokens.hash, hash)).get();
  if (known) throw keyReused();
}

/** Ends a token at once. Revoking it again changes nothing. */
export const revokeJoinToken = defineCommand({
  type: 'join_tokens.revoke',
  since: 1,
  input: z.object({ id: z.uuid() }),
  target: (input) => input.id,
  apply(tx, input, ctx) {
    const token = tx.select().from(joinTokens).where(eq(joinTokens.id, input.id)).get();
    if (!token) throw new DomainError('not_found', `there is no join token ${input.id}`);
    if (token.revokedAt !== null) return { changed: false };
    tx.update(joinTokens).set({ revokedAt: ctx.at }).where(eq(joinTokens.id, input.id)).run();
    ctx.event('join_token.revoked', `${ctx.actor.name} revoked the join token minted by ${token.createdBy}`, {
      token: token.id,
    });
    return { changed: true };
  },
});

export const joinTokenCommands = [createJoinToken, revokeJoinToken];
