import { role } from '@quorate/shared/session';
import { eq, sql } from 'drizzle-orm';
import { z } from 'zod';
import { keyReused } from '../../commands/apply-entry';
import { defineCommand } from '../../commands/define-command';
import { DomainError } from '../../commands/domain-error';
import { prepared, preparedInsert } from '../../db/prepared';
import { apiTokens } from './table';

const insertToken = preparedInsert(apiTokens);
const queries = prepared((db) => ({
  byId: db
    .select()
    .from(apiTokens)
    .where(eq(apiTokens.id, sql.placeholder('id')))
    .prepare(),
  taken: db.$client.prepare<[string, string], { name: 0 | 1; hash: 0 | 1 }>(
    'SELECT EXISTS (SELECT 1 FROM api_tokens WHERE name = ?) AS name, EXISTS (SELECT 1 FROM api_tokens WHERE hash = ?) AS hash',
  ),
  remove: db
    .delete(apiTokens)
    .where(eq(apiTokens.id, sql.placeholder('id')))
    .prepare(),
}));

export const createApiToken = defineCommand({
  type: 'api_tokens.create',
  since: 1,
  input: z.object({
    id: z.uuid(),
    name: z.string(),
    role,
    hash: z.string().length(64),
    hint: z.string(),
    ttlMs: z.int().nullable(),
  }),
  target: (input) => input.name,
  apply(tx, { ttlMs, ...input }, ctx) {
    const taken = queries(tx).taken.get(input.name, input.hash);
    if (taken?.name) {
      const errors = [{ pointer: '/name', detail: 'already in use' }];
      throw new DomainError('name_taken', `an API token named ${input.name} exists already`, errors);
    }
    // The plaintext is made from the Idempotency-Key: one that is used again after its outcome was forgotten makes it again.
    if (taken?.hash) throw keyReused();
    const expiresAt = ttlMs === null ? null : ctx.at + ttlMs;
    insertToken(tx, { ...input, createdBy: ctx.actor.name, createdAt: ctx.at, expiresAt });
    ctx.event('api_token.created', `${ctx.actor.name} created the API token ${input.name} (${input.role})`);
    return { id: input.id };
  },
});

export const deleteApiToken = defineCommand({
  type: 'api_tokens.delete',
  since: 1,
  input: z.object({ id: z.uuid() }),
  target: (input) => input.id,
  apply(tx, input, ctx) {
    const token = queries(tx).byId.get({ id: input.id });
    if (!token) throw new DomainError('not_found', `there is no API token ${input.id}`);
    queries(tx).remove.run({ id: input.id });
    ctx.event('api_token.revoked', `${ctx.actor.name} revoked the API token ${token.name}`);
  },
});

export const apiTokenCommands = [createApiToken, deleteApiToken];
