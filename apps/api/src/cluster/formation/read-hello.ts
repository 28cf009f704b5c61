import type { Context } from 'hono';
import { DomainError } from '../../commands/domain-error';
import { fieldErrors } from '../../http/problem';
import type { ClusterEnv } from '../listener';
import { type Hello, helloSchema } from './hello';

/** The hello of a founding member, whose certificate is of the node id that it names. @throws DomainError */
export async function readHello(c: Context<ClusterEnv>): Promise<Hello> {
  const body: unknown = await c.req.json().catch(() => undefined);
  const parsed = helloSchema.safeParse(body);
  if (!parsed.success) {
    throw new DomainError('validation_failed', 'this is no hello of a founding member', fieldErrors(parsed.error, ''));
  }
  const peer = c.get('peer');
  if (peer?.nodeId === parsed.data.node_id) return parsed.data;
  const detail = `the certificate is of node ${peer?.nodeId ?? 'none'}, the hello of node ${parsed.data.node_id}`;
  throw new DomainError('certificate_required', detail);
}
