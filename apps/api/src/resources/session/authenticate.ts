import { API_TOKEN_PREFIX } from '@quorate/shared/api-tokens';
import { type Principal, SESSION_COOKIE } from '@quorate/shared/session';
import { eq, sql } from 'drizzle-orm';
import type { Context } from 'hono';
import { DomainError } from '../../commands/domain-error';
import { prepared } from '../../db/prepared';
import type { StateDb } from '../../db/state-store';
import { type Clock, toTimestamp } from '../../lib/clock';
import { sha256Hex } from '../../lib/hash';
import { apiTokens } from '../api-tokens/table';
import { users } from '../users/table';
import { revokedSessions } from './table';
import { type SessionClaims, verifySession } from './tokens';

export interface AuthenticateOptions {
  readonly db: () => StateDb;
  /** Undefined until the cluster is initialized. */
  readonly sessionKey: () => Uint8Array | undefined;
  readonly clock: Clock;
}

export const LOCAL_PRINCIPAL: Principal = {
  kind: 'local',
  id: 'local',
  name: 'local',
  role: 'admin',
  expires_at: null,
};

const queries = prepared((db) => ({
  user: db
    .select({
      id: users.id,
      username: users.username,
      role: users.role,
      sessionVersion: users.sessionVersion,
      keptSession: users.keptSession,
      revoked: sql<number>`exists(select 1 from ${revokedSessions} where ${revokedSessions.id} = ${sql.placeholder('session')})`,
    })
    .from(users)
    .where(eq(users.id, sql.placeholder('id')))
    .prepare(),
  apiToken: db
    .select()
    .from(apiTokens)
    .where(eq(apiTokens.hash, sql.placeholder('hash')))
    .prepare(),
}));

/** Verified signatures, so that each request does not pay for the same HMAC; revocation is still read every time. */
const VERIFIED_MAX = 1000;

/**
 * Who sends a request: bearer session, API token or the session cookie (which, for anything but a read,
 * must come from our own origin).
 *
 * @throws DomainError unauthenticated, cross_origin
 */
export function createAuthenticator(options: AuthenticateOptions): (c: Context) => Promise<Principal | null> {
  const verified = new Map<string, SessionClaims>();

  async function claimsOf(token: string): Promise<SessionClaims | undefined> {
    const known = verified.get(token);
    if (known) return known.expiresAt > options.clock() ? known : undefined;
    const key = options.sessionKey();
    const claims = key && (await verifySession(key, token, options.clock()));
    if (!claims) return undefined;
    if (verified.size >= VERIFIED_MAX) verified.clear();
    verified.set(token, claims);
    return claims;
  }

  async function bySession(token: string): Promise<Principal | undefined> {
    const claims = await claimsOf(token);
    if (!claims) return undefined;
    const user = queries(options.db()).user.get({ id: claims.userId, session: claims.sessionId });
    if (!user || user.revoked) return undefined;
    if (user.sessionVersion !== claims.sessionVersion && user.keptSession !== claims.sessionId) return undefined;
    const expires = toTimestamp(claims.expiresAt);
    return { kind: 'user', id: user.id, name: user.username, role: user.role, expires_at: expires };
  }

  function byApiToken(token: string): Principal | undefined {
    const row = queries(options.db()).apiToken.get({ hash: sha256Hex(token) });
    if (!row || (row.expiresAt !== null && row.expiresAt <= options.clock())) return undefined;
    const expires = row.expiresAt === null ? null : toTimestamp(row.expiresAt);
    return { kind: 'api_token', id: row.id, name: row.name, role: row.role, expires_at: expires };
  }

  return async (c) => {
    const authorization = c.req.header('authorization');
    if (authorization !== undefined) {
      const token = /^Bearer +(\S+)$/i.exec(authorization)?.[1];
      const found = token?.startsWith(API_TOKEN_PREFIX) ? byApiToken(token) : token && (await bySession(token));
      if (!found)
        throw new DomainError('unauthenticated', 'the bearer token is unknown, expired or revoked; sign in again');
      return found;
    }
    const cookie = sessionCookie(c);
    if (!cookie) return null;
    if (c.req.method !== 'GET' && !isSameOrigin(c)) {
      throw new DomainError('cross_origin', 'writes with the session cookie must come from the console itself');
    }
    return (await bySession(cookie)) ?? null;
  };
}

/** The session token of the cookie, if any. */
export function sessionCookie(c: Context): string | undefined {
  const header = c.req.header('cookie') ?? '';
  const pair = header.split(/; */).find((part) => part.startsWith(`${SESSION_COOKIE}=`));
  return pair?.slice(SESSION_COOKIE.length + 1);
}

function isSameOrigin(c: Context): boolean {
  const site = c.req.header('sec-fetch-site');
  if (site !== undefined) return site === 'same-origin';
  const origin = c.req.header('origin');
  return origin === undefined || origin.replace(/^https?:\/\//, '') === c.req.header('host');
}
