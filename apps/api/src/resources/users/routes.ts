import { type User, userRoutes } from '@quorate/shared/users';
import { asc, eq, gt } from 'drizzle-orm';
import { DomainError } from '../../commands/domain-error';
import { type Endpoint, endpoint } from '../../http/endpoint';
import type { LoginThrottle } from '../../http/login-throttle';
import { pageOf, textCursor } from '../../http/page';
import { toTimestamp } from '../../lib/clock';
import { uuidv7 } from '../../lib/ids';
import { hashPassword, verifyPassword } from '../../lib/password';
import { presentedSessionId } from '../session/tokens';
import { clusterInfo } from '../setup/table';
import { createUser, deleteUser, findUser, resetAdmin, updateUser } from './commands';
import { users } from './table';

const view = (row: typeof users.$inferSelect): User => ({
  id: row.id,
  username: row.username,
  role: row.role,
  created_at: toTimestamp(row.createdAt),
  updated_at: toTimestamp(row.updatedAt),
});

export function userEndpoints(deps: { throttle: LoginThrottle }): Endpoint[] {
  return [
    endpoint(userRoutes.list, (ctx, { query }) => {
      const rows = ctx.db
        .select()
        .from(users)
        .where(gt(users.username, textCursor(query.cursor)))
        .orderBy(asc(users.username))
        .limit(query.limit + 1)
        .all();
      return pageOf(ctx, userRoutes.list.path, rows, query.limit, (row) => row.username, view);
    }),
    endpoint(userRoutes.create, async (ctx, { body }) => {
      const passwordHash = await hashPassword(body.password);
      const { id } = await ctx.propose(createUser, {
        id: uuidv7(),
        username: body.username,
        role: body.role,
        passwordHash,
      });
      return view(findUser(ctx.db, id));
    }),
    endpoint(userRoutes.get, (ctx, { params }) => view(findUser(ctx.db, params.id))),
    endpoint(userRoutes.update, async (ctx, { params, body }) => {
      const { password, role } = body;
      const passwordHash = password === undefined ? undefined : await hashPassword(password);
      await ctx.propose(updateUser, { id: params.id, role, passwordHash });
      return view(findUser(ctx.db, params.id));
    }),
    endpoint(userRoutes.remove, async (ctx, { params }) => {
      await ctx.propose(deleteUser, { id: params.id });
    }),
    endpoint(userRoutes.resetAdmin, async (ctx, { body }) => {
      if (!ctx.db.select().from(clusterInfo).get()?.setUpAt) {
        throw new DomainError('not_set_up', 'there are no users yet; create the first admin with POST /v1/setup');
      }
      const passwordHash = await hashPassword(body.password);
      const { id } = await ctx.propose(resetAdmin, { id: uuidv7(), username: body.username, passwordHash });
      return view(findUser(ctx.db, id));
    }),
    endpoint(userRoutes.changeOwnPassword, async (ctx, { body }) => {
      if (ctx.principal?.kind !== 'user') {
        throw new DomainError('forbidden', 'only a signed-in user has a password to change');
      }
      const user = ctx.db.select().from(users).where(eq(users.id, ctx.principal.id)).get();
      await deps.throttle.consume(ctx.remoteAddress, user?.username ?? '');
      if (!(await verifyPassword(user?.passwordHash, body.current_password))) {
        const errors = [{ pointer: '/current_password', detail: 'is not your password' }];
        throw new DomainError('invalid_credentials', 'the current password is wrong', errors);
      }
      const passwordHash = await hashPassword(body.new_password);
      const keepSession = presentedSessionId(ctx);
      await ctx.propose(updateUser, { id: ctx.principal.id, passwordHash, keepSession });
    }),
  ];
}
