import { SESSION_COOKIE } from '@quorate/shared/session';
import { decodeJwt, decodeProtectedHeader, errors, jwtVerify, SignJWT } from 'jose';
import { z } from 'zod';
import type { RequestContext } from '../../http/endpoint';

const ISSUER = 'quorate';
export const SESSION_LIFETIME_MS = 12 * 3600 * 1000;

const claimsSchema = z.object({ sub: z.uuid(), jti: z.uuid(), ver: z.int(), exp: z.int() });
export interface SessionClaims {
  readonly userId: string;
  readonly sessionId: string;
  readonly sessionVersion: number;
  /** ms since the epoch. */
  readonly expiresAt: number;
}

export interface SessionKey {
  /** `kid` in the header of what it signed. */
  readonly id: string;
  readonly key: Uint8Array;
  /** ms since the epoch. */
  readonly createdAt: number;
}

/** The keys that are known now. A change of them is a new object. */
export interface SessionKeys {
  readonly current: SessionKey;
  /** Oldest first; each is accepted until the last session that it signed has expired. */
  readonly retired: readonly (SessionKey & { readonly acceptedUntil: number })[];
}

/** A new key signs only when every node has had the time to learn of it: one that has not would refuse its sessions. */
export const SESSION_KEY_SPREAD_MS = 30_000;

function signingKey({ current, retired }: SessionKeys, nowMs: number): SessionKey {
  const before = retired.at(-1);
  return before && nowMs < current.createdAt + SESSION_KEY_SPREAD_MS ? before : current;
}

/** A compact JWS over the claims, HS256 with the cluster's session key. */
export async function signSession(keys: SessionKeys, claims: SessionClaims, nowMs: number): Promise<string> {
  const { id, key } = signingKey(keys, nowMs);
  return new SignJWT({ ver: claims.sessionVersion })
    .setProtectedHeader({ alg: 'HS256', kid: id })
    .setIssuer(ISSUER)
    .setSubject(claims.userId)
    .setJti(claims.sessionId)
    .setExpirationTime(Math.floor(claims.expiresAt / 1000))
    .sign(key);
}

/** The key that a token names; one without a name was signed before keys had any, by the key of then. */
function verifyingKey({ current, retired }: SessionKeys, token: string, nowMs: number): Uint8Array | undefined {
  const { kid } = decodeProtectedHeader(token);
  const accepted = [...retired.filter(({ acceptedUntil }) => nowMs < acceptedUntil), current];
  return (kid === undefined ? accepted[0] : accepted.find(({ id }) => id === kid))?.key;
}

/** The claims of a valid, unexpired token, else undefined. */
export async function verifySession(
  keys: SessionKeys,
  token: string,
  nowMs: number,
): Promise<SessionClaims | undefined> {
  try {
    const key = verifyingKey(keys, token, nowMs);
    if (!key) return undefined;
    const options = { issuer: ISSUER, algorithms: ['HS256'], currentDate: new Date(nowMs) };
    const { payload } = await jwtVerify(token, key, options);
    const claims = claimsSchema.parse(payload);
    return {
      userId: claims.sub,
      sessionId: claims.jti,
      sessionVersion: claims.ver,
      expiresAt: claims.exp * 1000,
    };
  } catch (error) {
    // An unreadable header is a TypeError.
    if (error instanceof errors.JOSEError || error instanceof z.ZodError || error instanceof TypeError)
      return undefined;
    throw error;
  }
}

/** The token that a request came with: the bearer token, else the session cookie. */
export function presentedToken(ctx: RequestContext): string | undefined {
  const bearer = /^Bearer +(\S+)$/i.exec(ctx.header('authorization') ?? '')?.[1];
  return bearer ?? new RegExp(`(?:^|; *)${SESSION_COOKIE}=([^;]+)`).exec(ctx.header('cookie') ?? '')?.[1];
}

/** The session id of a request that the authenticator has let in as a signed-in user. */
export function presentedSessionId(ctx: RequestContext): string | undefined {
  const token = presentedToken(ctx);
  return token === undefined ? undefined : decodeJwt(token).jti;
}
