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
import { type SessionClaims, type SessionKeys, verifySession } from './tokens';

export interface AuthenticateOptions {
  readonly db: () => StateDb;
  /** Undefined until the cluster is initialized. */
  readonly sessionKeys: () => SessionKeys | undefined;
  readonly clock: Clock;
  /** Of the state that `db` returns. */
  readonly appliedIndex: () => number;
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

/** Known tokens, each with what it proved and the state that said so. */
const KNOWN_MAX = 1000;

interface Known {
  /** Of a session, with the keys by which it was verified. */
  readonly claims: SessionClaims | undefined;
  readonly keys: SessionKeys | undefined;
  readonly principal: Principal | undefined;
  /** ms since the epoch. */
  readonly expiresAt: number;
  readonly db: StateDb;
  readonly appliedIndex: number;
}

/**
 * Who sends a request: bearer session, API token or the session cookie (which, for anything but a read,
 * must come from our own origin).
 *
 * The state changes only when an entry is applied, so what was found at an index holds until the next one: a revoked
 * session or token ends with the entry that revokes it.
 *
 * @throws DomainError unauthenticated, cross_origin
 */
export function createAuthenticator(options: AuthenticateOptions): (c: Context) => Promise<Principal | null> {
  const known = new Map<string, Known>();

  function remember(token: string, found: Known): Principal | undefined {
    if (known.size >= KNOWN_MAX && !known.has(token)) known.clear();
    known.set(token, found);
    return found.principal;
  }

  function principalOfSession(db: StateDb, claims: SessionClaims): Principal | undefined {
    const user = queries(db).user.get({ id: claims.userId, session: claims.sessionId });
    if (!user || user.revoked) return undefined;
    if (user.sessionVersion !== claims.sessionVersion && user.keptSession !== claims.sessionId) return undefined;
    const expires = toTimestamp(claims.expiresAt);
    return { kind: 'user', id: user.id, name: user.username, role: user.role, expires_at: expires };
  }

  async function bySession(token: string, before: Known | undefined): Promise<Principal | undefined> {
    const keys = options.sessionKeys();
    if (!keys) return undefined;
    // The signature stays good as long as its keys; whether the session does is read anew.
    const signed = before?.keys === keys ? before.claims : undefined;
    const claims = signed ?? (await verifySession(keys, token, options.clock()));
    if (!claims) return undefined;
    const db = options.db();
    const appliedIndex = options.appliedIndex();
    const principal = principalOfSession(db, claims);
    return remember(token, { claims, keys, principal, expiresAt: claims.expiresAt, db, appliedIndex });
  }

  function byApiToken(token: string): Principal | undefined {
    const db = options.db();
    const appliedIndex = options.appliedIndex();
    const row = queries(db).apiToken.get({ hash: sha256Hex(token) });
    if (!row || (row.expiresAt !== null && row.expiresAt <= options.clock())) return undefined;
    const expires = row.expiresAt === null ? null : toTimestamp(row.expiresAt);
    const principal: Principal = { kind: 'api_token', id: row.id, name: row.name, role: row.role, expires_at: expires };
    const expiresAt = row.expiresAt ?? Number.POSITIVE_INFINITY;
    return remember(token, { claims: undefined, keys: options.sessionKeys(), principal, expiresAt, db, appliedIndex });
  }

  const isCurrent = ({ appliedIndex, db, keys }: Known): boolean =>
    appliedIndex === options.appliedIndex() && db === options.db() && keys === options.sessionKeys();

  async function byToken(token: string): Promise<Principal | undefined> {
    const before = known.get(token);
    if (before) {
      if (before.expiresAt <= options.clock()) return undefined;
      if (isCurrent(before)) return before.principal;
    }
    return token.startsWith(API_TOKEN_PREFIX) ? byApiToken(token) : bySession(token, before);
  }

  return async (c) => {
    const authorization = c.req.header('authorization');
    if (authorization !== undefined) {
      const token = /^Bearer +(\S+)$/i.exec(authorization)?.[1];
      const found = token && (await byToken(token));
      if (!found)
        throw new DomainError('unauthenticated', 'the bearer token is unknown, expired or revoked; sign in again');
      return found;
    }
    const cookie = sessionCookie(c);
    if (!cookie) return null;
    if (c.req.method !== 'GET' && !isSameOrigin(c)) {
      throw new DomainError('cross_origin', 'writes with the session cookie must come from the console itself');
    }
    return (await byToken(cookie)) ?? null;
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
