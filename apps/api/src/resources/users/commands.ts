import { role, username } from '@quorate/shared/session';
import { and, eq, ne, sql } from 'drizzle-orm';
import { z } from 'zod';
import { defineCommand } from '../../commands/define-command';
import { DomainError } from '../../commands/domain-error';
import { prepared, preparedInsert } from '../../db/prepared';
import type { StateDb } from '../../db/state-store';
import { users } from './table';

const id = z.uuid();
const passwordHash = z.string().startsWith('$argon2id$');

const insertUser = preparedInsert(users);
const queries = prepared((db) => ({
  byId: db
    .select()
    .from(users)
    .where(eq(users.id, sql.placeholder('id')))
    .prepare(),
  byName: db
    .select({ id: users.id })
    .from(users)
    .where(eq(users.username, sql.placeholder('username')))
    .prepare(),
  otherAdmin: db
    .select({ id: users.id })
    .from(users)
    .where(and(eq(users.role, 'admin'), ne(users.id, sql.placeholder('id'))))
    .limit(1)
    .prepare(),
  update: db
    .update(users)
    .set({
      role: sql`${sql.placeholder('role')}`,
      passwordHash: sql`${sql.placeholder('passwordHash')}`,
      sessionVersion: sql`${sql.placeholder('sessionVersion')}`,
      keptSession: sql`${sql.placeholder('keptSession')}`,
      updatedAt: sql`${sql.placeholder('updatedAt')}`,
    })
    .where(eq(users.id, sql.placeholder('id')))
    .prepare(),
  remove: db
    .delete(users)
    .where(eq(users.id, sql.placeholder('id')))
    .prepare(),
}));

export function findUser(db: StateDb, userId: string): typeof users.$inferSelect {
  const user = queries(db).byId.get({ id: userId });
  if (!user) throw new DomainError('not_found', `there is no user ${userId}`);
  return user;
}

export function refuseTakenName(db: StateDb, name: string): void {
  if (!queries(db).byName.get({ username: name })) return;
  const errors = [{ pointer: '/username', detail: 'already in use' }];
  throw new DomainError('name_taken', `the user name ${name} is already in use`, errors);
}

function refuseWithoutOtherAdmin(db: StateDb, userId: string): void {
  if (!queries(db).otherAdmin.get({ id: userId })) {
    throw new DomainError('last_admin', 'this is the last admin; make another user admin first');
  }
}

export const createUser = defineCommand({
  type: 'users.create',
  since: 1,
  input: z.object({ id, username, role, passwordHash }),
  target: (input) => input.username,
  apply(tx, input, ctx) {
    refuseTakenName(tx, input.username);
    insertUser(tx, { ...input, sessionVersion: 1, keptSession: null, createdAt: ctx.at, updatedAt: ctx.at });
    ctx.event('user.created', `${ctx.actor.name} created the user ${input.username} (${input.role})`, {
      user: input.id,
    });
    return { id: input.id };
  },
});

export const updateUser = defineCommand({
  type: 'users.update',
  since: 1,
  input: z.object({
    id,
    role: role.optional(),
    passwordHash: passwordHash.optional(),
    /** A new password ends every session but this one. */
    keepSession: z.uuid().optional(),
  }),
  target: (input) => input.id,
  apply(tx, input, ctx) {
    const user = findUser(tx, input.id);
    if (input.role && input.role !== 'admin' && user.role === 'admin') refuseWithoutOtherAdmin(tx, input.id);
    queries(tx).update.run({
      id: input.id,
      role: input.role ?? user.role,
      passwordHash: input.passwordHash ?? user.passwordHash,
      sessionVersion: user.sessionVersion + (input.passwordHash ? 1 : 0),
      keptSession: input.passwordHash ? (input.keepSession ?? null) : user.keptSession,
      updatedAt: ctx.at,
    });
    const what = [input.role && `role ${input.role}`, input.passwordHash && 'a new password']
      .filter(Boolean)
      .join(' and ');
    ctx.event('user.updated', `${ctx.actor.name} gave ${user.username} ${what || 'no change'}`, { user: input.id });
    return { id: input.id };
  },
});

export const deleteUser = defineCommand({
  type: 'users.delete',
  since: 1,
  input: z.object({ id }),
  target: (input) => input.id,
  apply(tx, input, ctx) {
    const user = findUser(tx, input.id);
    if (user.role === 'admin') refuseWithoutOtherAdmin(tx, input.id);
    queries(tx).remove.run({ id: input.id });
    ctx.event('user.deleted', `${ctx.actor.name} deleted the user ${user.username}`, { user: input.id });
  },
});

/** The way back in for an operator who lost every admin's password: who may open the agent socket may do this. */
export const resetAdmin = defineCommand({
  type: 'users.reset_admin',
  since: 1,
  input: z.object({ id, username, passwordHash }),
  target: (input) => input.username,
  apply(tx, { id: newId, username: name, passwordHash: hash }, ctx) {
    const user = tx.select().from(users).where(eq(users.username, name)).get();
    const fresh = { role: 'admin' as const, passwordHash: hash, updatedAt: ctx.at };
    if (user) {
      tx.update(users)
        .set({ ...fresh, sessionVersion: user.sessionVersion + 1, keptSession: null })
        .where(eq(users.id, user.id))
        .run();
    } else {
      tx.insert(users)
        .values({ ...fresh, id: newId, username: name, sessionVersion: 1, createdAt: ctx.at })
        .run();
    }
    ctx.event(user ? 'user.updated' : 'user.created', `${name} was made admin with a new password on a node itself`, {
      user: user?.id ?? newId,
    });
    return { id: user?.id ?? newId };
  },
});

export const userCommands = [createUser, updateUser, deleteUser, resetAdmin];
