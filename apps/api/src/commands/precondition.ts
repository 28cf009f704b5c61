import { z } from 'zod';
import { DomainError } from './domain-error';

/** The ETag that a change is based on, as the client sent it; null = it takes no care. */
export const ifMatchField = z.string().nullable().default(null);

/** @throws DomainError precondition_failed somebody was faster. `etag`: of what stands now, with its quotes */
export function requireMatch(ifMatch: string | null, etag: string): void {
  if (ifMatch === null || ifMatch === '*' || ifMatch === etag) return;
  throw new DomainError('precondition_failed', 'the settings changed since you read them; read them again');
}
