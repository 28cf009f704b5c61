import { errorOf } from '@quorate/shared/client';
import { HEADER } from '@quorate/shared/http-headers';
import type { z } from 'zod';

const base64url = (text: string): string =>
  btoa(String.fromCharCode(...new TextEncoder().encode(text)))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');

/** Sends a file as the body of a route that takes one. `key` opens it when it is encrypted. @throws ApiError */
export async function uploadFile<T>(path: string, schema: z.ZodType<T>, file: File, key: string): Promise<T> {
  const headers: Record<string, string> = { 'content-type': 'application/octet-stream' };
  if (key !== '') headers[HEADER.backupKey] = base64url(key);
  const response = await fetch(path, { method: 'POST', body: file, headers });
  if (!response.ok) throw await errorOf(response);
  return schema.parse(await response.json());
}
