import { randomUUID } from 'node:crypto';
import { apiTokenRoutes } from '@quorate/shared/api-tokens';
import { ApiError, type Client, indexOf } from '@quorate/shared/client';
import { HEADER } from '@quorate/shared/http-headers';
import { sessionRoutes } from '@quorate/shared/session';
import { listTokens } from './load';

export interface Written {
  readonly name: string;
  readonly id: string;
  readonly index: number;
  readonly token: string;
}

/** One replicated write: an API token with this name. @throws ApiError */
export async function write(client: Client, name: string, key: string = randomUUID()): Promise<Written> {
  const headers = { [HEADER.idempotencyKey]: key };
  const answer = await client.callFull(apiTokenRoutes.create, { body: { name, role: 'viewer' }, headers });
  const index = indexOf(answer.headers);
  if (index === undefined) throw new Error(`the answer to a write has no ${HEADER.index}`);
  return { name, id: answer.data.id, index, token: answer.data.token };
}

/**
 * Whether a node knows a write once it has applied its index: it accepts the new token, or lists it where everybody is
 * let in (the agent socket).
 *
 * @throws ApiError index_not_reached
 */
export async function sees(client: Client, written: Written): Promise<boolean> {
  const headers = { authorization: `Bearer ${written.token}`, [HEADER.minIndex]: String(written.index) };
  const principal = await client.call(sessionRoutes.me, { headers });
  if (principal.kind !== 'local') return principal.name === written.name;
  return (await listTokens(client, written.index)).some((token) => token.id === written.id);
}

/** The refusal that a call ends with. @throws Error when it succeeds or fails otherwise */
export async function refusalOf(call: Promise<unknown>): Promise<ApiError> {
  try {
    await call;
  } catch (error) {
    if (error instanceof ApiError) return error;
    throw error;
  }
  throw new Error('it was not refused');
}
