import { createHash, createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { CompactEncrypt, compactDecrypt } from 'jose';

/** The secret cannot be opened: another key, another name, or altered text. */
export class SecretError extends Error {
  override readonly name = 'SecretError';
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();
/** By kind of the node's key: ours are EC, an operator's own PKI may have made RSA ones. */
const WRAPPING: Readonly<Record<string, string>> = { ec: 'ECDH-ES+A256KW', rsa: 'RSA-OAEP-256' };

function wrappingFor(key: KeyObject): string {
  const algorithm = WRAPPING[key.asymmetricKeyType ?? ''];
  if (algorithm) return algorithm;
  throw new SecretError(`a node key of kind ${key.asymmetricKeyType} cannot be encrypted to; use EC P-256 or RSA`);
}

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

/** Encrypts to the holder of a node's private key. `publicKeyPem` is SPKI or a certificate. @throws SecretError */
export async function wrapForNode(publicKeyPem: string, plaintext: string): Promise<string> {
  const key = createPublicKey(publicKeyPem);
  return new CompactEncrypt(encoder.encode(plaintext))
    .setProtectedHeader({ alg: wrappingFor(key), enc: 'A256GCM' })
    .encrypt(key);
}

/** @throws SecretError */
export async function unwrapFromNode(privateKeyPem: string, jwe: string): Promise<string> {
  const key = createPrivateKey(privateKeyPem);
  return (await open(jwe, key, { alg: wrappingFor(key), what: 'the wrapped key' })).plaintext;
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
