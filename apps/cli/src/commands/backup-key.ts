import { ApiError } from '@quorate/shared/client';
import { Option } from 'commander';
import type { Invocation } from '../invocation';
import { isInteractive } from '../io';
import { readSecret } from '../secrets';

export const keyFileOption = (): Option =>
  new Option('--key-file <file>', 'file with the passphrase or age identity of an encrypted backup; "-" is stdin');

/** Runs `call` with the key from a file, or without one; a server that wants one leads to a question, where there is somebody to ask. */
export async function withKey<T>(
  inv: Invocation,
  keyFile: string | undefined,
  call: (key: string | undefined) => Promise<T>,
): Promise<T> {
  const read = (file: string | undefined): Promise<string> =>
    readSecret(inv.io, inv.warn, { what: 'passphrase or identity', fileOption: '--key-file', file });
  if (keyFile !== undefined) return call(identityIn(await read(keyFile)));
  try {
    return await call(undefined);
  } catch (error) {
    if (!(error instanceof ApiError) || error.code !== 'backup_encrypted' || !isInteractive(inv.io)) throw error;
    return call(await read(undefined));
  }
}

/** What age-keygen writes has comments around the identity. */
function identityIn(text: string): string {
  return /^AGE-SECRET-KEY-\S+$/m.exec(text)?.[0] ?? text;
}
