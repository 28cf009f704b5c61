import { SESSION_COOKIE } from '@quorate/shared/session';
import { decodeJwt, errors, jwtVerify, SignJWT } from 'jose';
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

/** A compact JWS over the claims, HS256 with the cluster's session key. */
export async function signSession(key: Uint8Array, claims: SessionClaims): Promise<string> {
  return new SignJWT({ ver: claims.sessionVersion })
    .setProtectedHeader({ alg: 'HS256' })
    .setIssuer(ISSUER)
    .setSubject(claims.userId)
    .setJti(claims.sessionId)
    .setExpirationTime(Math.floor(claims.expiresAt / 1000))
    .sign(key);
}

/** The claims of a valid, unexpired token, else undefined. */
export async function verifySession(key: Uint8Array, token: string, nowMs: number): Promise<SessionClaims | undefined> {
  try {
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
    if (error instanceof errors.JOSEError || error instanceof z.ZodError) return undefined;
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
