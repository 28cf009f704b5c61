import { lt } from 'drizzle-orm';
import { z } from 'zod';
import { defineCommand } from '../../commands/define-command';
import { revokedSessions } from './table';

export const revokeSession = defineCommand({
  type: 'session.revoke',
  since: 1,
  input: z.object({ id: z.uuid(), expiresAt: z.int() }),
  apply(tx, input, ctx) {
    tx.delete(revokedSessions).where(lt(revokedSessions.expiresAt, ctx.at)).run();
    tx.insert(revokedSessions).values(input).onConflictDoNothing().run();
    ctx.event('session.revoked', `${ctx.actor.name} signed out`);
  },
});

/** A sign-in leaves a trace in audit and events; the session itself is a signed token, so it works without quorum. */
export const recordSignIn = defineCommand({
  type: 'session.create',
  since: 1,
  input: z.object({ username: z.string(), address: z.string() }),
  target: (input) => input.username,
  apply(_tx, input, ctx) {
    ctx.event('session.opened', `${input.username} signed in${input.address ? ` from ${input.address}` : ''}`, {
      address: input.address,
    });
  },
});

export const sessionCommands = [revokeSession, recordSignIn];
