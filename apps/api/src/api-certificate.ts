import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { BootError } from './cluster/boot';
import type { Logger } from './lib/logger';

export interface ApiCertificate {
  /** The chain as it stands in the file. */
  readonly cert: string;
  readonly key: string;
}

interface Paths {
  readonly cert: string;
  readonly key: string;
}

/** The operator's certificate for the API. @throws BootError naming the key of the configuration and the cure */
export function readApiCertificate(paths: Paths): ApiCertificate {
  const cert = read('api.tls.cert', paths.cert);
  const key = read('api.tls.key', paths.key);
  const leaf = leafOf(paths, cert);
  const secret = parsed('api.tls.key', paths.key, 'a private key in PEM without a passphrase', () =>
    createPrivateKey(key),
  );
  if (belongsTo(leaf, secret)) return { cert, key };
  const cure = "name the pair that was issued together, the node's own certificate first";
  throw new BootError(`api.tls.key: ${paths.key} does not belong to the first certificate in ${paths.cert}; ${cure}`);
}

/** As {@link readApiCertificate}; logs what does not keep the API from being served, but clients from trusting it. */
export function checkApiCertificate(paths: Paths, nowMs: number, logger: Logger): void {
  const leaf = leafOf(paths, readApiCertificate(paths).cert);
  const complain = (what: string): void => logger.warn(`api.tls.cert: ${paths.cert} ${what}`);
  if (Date.parse(leaf.validTo) < nowMs) complain(`ended ${leaf.validTo}: clients refuse it; put a new one there`);
  if (leaf.subjectAltName === undefined) {
    complain('names no host (subjectAltName): clients refuse it; have it issued for the address of the API');
  }
}

const leafOf = (paths: Paths, pem: string): X509Certificate =>
  parsed('api.tls.cert', paths.cert, 'a certificate in PEM', () => new X509Certificate(pem));

function read(option: string, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const cure = 'correct the path, and let the user that runs quorated read it';
    throw new BootError(
      `${option}: ${path} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'}); ${cure}`,
      { cause: error },
    );
  }
}

function parsed<T>(option: string, path: string, what: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw new BootError(`${option}: ${path} is not ${what}`, { cause: error });
  }
}

function belongsTo(leaf: X509Certificate, key: KeyObject): boolean {
  try {
    return leaf.checkPrivateKey(key);
  } catch {
    // Keys of different kinds cannot even be compared.
    return false;
  }
}
