import { SESSION_COOKIE, sessionRoutes } from '@quorate/shared/session';
import { eq } from 'drizzle-orm';
import { DomainError } from '../../commands/domain-error';
import type { StateDb } from '../../db/state-store';
import { type Endpoint, endpoint, type RequestContext } from '../../http/endpoint';
import type { LoginThrottle } from '../../http/login-throttle';
import { expectPresent } from '../../lib/assert';
import { type Clock, toTimestamp } from '../../lib/clock';
import { uuidv7 } from '../../lib/ids';
import { verifyPassword } from '../../lib/password';
import type { Proposer } from '../../replication/proposer';
import { clusterInfo } from '../setup/table';
import { users } from '../users/table';
import { recordSignIn, revokeSession } from './commands';
import { presentedToken, SESSION_LIFETIME_MS, type SessionKeys, signSession, verifySession } from './tokens';

export interface SessionDeps {
  readonly sessionKeys: () => SessionKeys | undefined;
  readonly clock: Clock;
  readonly throttle: LoginThrottle;
  /** The API is served over TLS, so the cookie may insist on it. */
  readonly secureCookies: boolean;
  /** Proposes as the system, outside of a request's own identity. */
  readonly proposer: Proposer;
}

function cookieOf(value: string, maxAgeSeconds: number, secure: boolean): string {
  const flags = `Path=/; HttpOnly; SameSite=Strict; Max-Age=${maxAgeSeconds}${secure ? '; Secure' : ''}`;
  return `${SESSION_COOKIE}=${value}; ${flags}`;
}

/** Browsers say so in every request; they get the cookie alone, so that no script ever sees the token. */
const isBrowser = (ctx: RequestContext): boolean => ctx.header('sec-fetch-site') !== undefined;

function findByName(db: StateDb, name: string) {
  return db.select().from(users).where(eq(users.username, name)).get();
}

export function sessionEndpoints(deps: SessionDeps): Endpoint[] {
  async function signIn(ctx: RequestContext, username: string, password: string) {
    await deps.throttle.consume(ctx.remoteAddress, username);
    const user = findByName(ctx.db, username);
    if (!(await verifyPassword(user?.passwordHash, password)) || !user) {
      if (!ctx.db.select().from(clusterInfo).get()?.setUpAt) {
        throw new DomainError('not_set_up', 'there are no users yet; create the first admin with POST /v1/setup');
      }
      ctx.logger.warn({ username, address: ctx.remoteAddress }, 'sign-in failed');
      throw new DomainError('invalid_credentials', 'the user name or the password is wrong');
    }
    await deps.throttle.forgive(ctx.remoteAddress, username);
    return user;
  }

  /** Best effort: signing in must work without quorum, when an operator needs to look. */
  function leaveTrace(ctx: RequestContext, user: { id: string; username: string }): void {
    const actor = { kind: 'user', id: user.id, name: user.username } as const;
    deps.proposer
      .propose(recordSignIn, { username: user.username, address: ctx.remoteAddress }, { actor, id: uuidv7() })
      .catch((error: unknown) => ctx.logger.warn({ err: error }, 'the sign-in could not be recorded'));
  }

  return [
    endpoint(sessionRoutes.create, async (ctx, { body }) => {
      const user = await signIn(ctx, body.username, body.password);
      const keys = expectPresent(deps.sessionKeys(), 'the session keys');
      const now = deps.clock();
      const expiresAt = Math.floor((now + SESSION_LIFETIME_MS) / 1000) * 1000;
      const { id, username, role, sessionVersion } = user;
      const token = await signSession(keys, { userId: id, sessionId: uuidv7(), sessionVersion, expiresAt }, now);
      ctx.setHeader('set-cookie', cookieOf(token, SESSION_LIFETIME_MS / 1000, deps.secureCookies));
      leaveTrace(ctx, user);
      return { user: { id, username, role }, expires_at: toTimestamp(expiresAt), token: isBrowser(ctx) ? null : token };
    }),
    endpoint(sessionRoutes.remove, async (ctx) => {
      ctx.setHeader('set-cookie', cookieOf('', 0, deps.secureCookies));
      const keys = deps.sessionKeys();
      const token = presentedToken(ctx);
      const claims = keys && token && (await verifySession(keys, token, deps.clock()));
      if (claims) await ctx.propose(revokeSession, { id: claims.sessionId, expiresAt: claims.expiresAt });
    }),
    endpoint(sessionRoutes.me, (ctx) => expectPresent(ctx.principal, 'the caller')),
  ];
}
