import { createHash, createPrivateKey, createPublicKey } from 'node:crypto';
import { CompactEncrypt, compactDecrypt } from 'jose';

/** The secret cannot be opened: another key, another name, or altered text. */
export class SecretError extends Error {
  override readonly name = 'SecretError';
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const WRAPPING = 'ECDH-ES+A256KW';

/** Tells keys apart without giving anything away of them: they are 256 random bits. */
export const keyIdOf = (key: Uint8Array): string => createHash('sha256').update(key).digest('hex').slice(0, 16);

/** Encrypts under the 32-byte cluster key. The name is authenticated, so that no secret passes for another. */
export function encryptSecret(clusterKey: Uint8Array, name: string, plaintext: string): Promise<string> {
  return new CompactEncrypt(encoder.encode(plaintext))
    .setProtectedHeader({ alg: 'dir', enc: 'A256GCM', name, kid: keyIdOf(clusterKey) })
    .encrypt(clusterKey);
}

/** @throws SecretError */
export async function decryptSecret(clusterKey: Uint8Array, name: string, jwe: string): Promise<string> {
  const opened = await open(jwe, clusterKey, { alg: 'dir', what: `the secret ${name}` });
  if (opened.name !== name) throw new SecretError(`the secret ${name} is stored under a wrong name`);
  return opened.plaintext;
}

/** Encrypts to the holder of a node's private key (EC P-256). `publicKeyPem` is SPKI PEM. */
export function wrapForNode(publicKeyPem: string, plaintext: string): Promise<string> {
  return new CompactEncrypt(encoder.encode(plaintext))
    .setProtectedHeader({ alg: WRAPPING, enc: 'A256GCM' })
    .encrypt(createPublicKey(publicKeyPem));
}

/** @throws SecretError */
export async function unwrapFromNode(privateKeyPem: string, jwe: string): Promise<string> {
  const key = createPrivateKey(privateKeyPem);
  return (await open(jwe, key, { alg: WRAPPING, what: 'the wrapped key' })).plaintext;
}

async function open(
  jwe: string,
  key: Parameters<typeof compactDecrypt>[1],
  { alg, what }: { alg: string; what: string },
): Promise<{ plaintext: string; name: unknown }> {
  try {
    const options = { keyManagementAlgorithms: [alg], contentEncryptionAlgorithms: ['A256GCM'] };
    const { plaintext, protectedHeader } = await compactDecrypt(jwe, key, options);
    return { plaintext: decoder.decode(plaintext), name: protectedHeader['name'] };
  } catch (error) {
    throw new SecretError(`${what} cannot be opened with this key`, { cause: error });
  }
}
