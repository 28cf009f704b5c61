import { role } from '@quorate/shared/session';
import { eq } from 'drizzle-orm';
import { z } from 'zod';
import { defineCommand } from '../../commands/define-command';
import { DomainError } from '../../commands/domain-error';
import { apiTokens } from './table';

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
    const taken = tx.select({ id: apiTokens.id }).from(apiTokens).where(eq(apiTokens.name, input.name)).get();
    if (taken) {
      const errors = [{ pointer: '/name', detail: 'already in use' }];
      throw new DomainError('name_taken', `an API token named ${input.name} exists already`, errors);
    }
    const expiresAt = ttlMs === null ? null : ctx.at + ttlMs;
    tx.insert(apiTokens)
      .values({ ...input, createdBy: ctx.actor.name, createdAt: ctx.at, expiresAt })
      .run();
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
    const token = tx.select().from(apiTokens).where(eq(apiTokens.id, input.id)).get();
    if (!token) throw new DomainError('not_found', `there is no API token ${input.id}`);
    tx.delete(apiTokens).where(eq(apiTokens.id, input.id)).run();
    ctx.event('api_token.revoked', `${ctx.actor.name} revoked the API token ${token.name}`);
  },
});

export const apiTokenCommands = [createApiToken, deleteApiToken];
