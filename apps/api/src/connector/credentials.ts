import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import type { Logger } from '../lib/logger';

/** What this node shows to the upstream, and what it takes from it. */
export interface Credentials {
  readonly cert: string;
  readonly key: string;
  /** From the node's configuration; undefined where it names none. */
  readonly ca: string | undefined;
  readonly view: {
    readonly source: 'file' | 'cluster';
    readonly subject: string;
    readonly fingerprint: string;
    readonly expires_at: string;
  };
}

export interface CredentialStore {
  /** Undefined while the files that the configuration names cannot be used. */
  readonly current: Credentials | undefined;
  /** What is wrong with the files, with the cure; the last good ones stay in use. */
  readonly problem: string;
  /** Looks whether the files or the node's own certificate changed. True when there are others now. */
  refresh(): boolean;
}

export interface CredentialOptions {
  /** Files of the configuration; empty cert = the certificate of the node. */
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
  /** The certificate of the node, from the CA of the cluster. */
  readonly identity: () => { readonly certPem: string; readonly keyPem: string };
  readonly logger: Logger;
}

/** The certificate towards the upstream, read again whenever it changes. */
export function createCredentials(options: CredentialOptions): CredentialStore {
  let current: Credentials | undefined;
  let problem = '';
  let seen = '';

  function read(): Credentials {
    const { cert, key, ca } = options;
    const caPem = ca === '' ? undefined : readFileSync(ca, 'utf8');
    if (caPem !== undefined) new X509Certificate(caPem);
    if (cert === '') {
      const { certPem, keyPem } = options.identity();
      return checked('cluster', certPem, keyPem, caPem);
    }
    return checked('file', readFileSync(cert, 'utf8'), readFileSync(key, 'utf8'), caPem);
  }

  function stamp(): string {
    const { cert, key, ca } = options;
    const files = [cert, key, ca].filter((path) => path !== '').map(stampOf);
    return cert === '' ? [...files, options.identity().certPem].join() : files.join();
  }

  function refresh(): boolean {
    const now = stamp();
    if (now === seen) return false;
    const first = seen === '';
    try {
      current = read();
      problem = '';
      seen = now;
      if (!first)
        options.logger.info({ expires_at: current.view.expires_at }, 'the connector uses another certificate');
      return !first;
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      const cure = 'mend connector.cert, connector.key and connector.ca; they are read again when they change';
      const next = `the files of the certificate cannot be used: ${why}; ${cure}`;
      // A file that is written while it is read is read again at the next look.
      if (next !== problem) options.logger.warn(next);
      problem = next;
      return false;
    }
  }
  refresh();
  return {
    get current() {
      return current;
    },
    get problem() {
      return problem;
    },
    refresh,
  };
}

function stampOf(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat ? `${path}:${stat.ino}:${stat.size}:${stat.mtimeMs}` : `${path}:none`;
}

/** @throws Error when they cannot be read or do not belong together */
function checked(source: 'file' | 'cluster', cert: string, key: string, ca: string | undefined): Credentials {
  const certificate = new X509Certificate(cert);
  if (!certificate.checkPrivateKey(createPrivateKey(key))) throw new Error('the key is not that of the certificate');
  const view = {
    source,
    subject: certificate.subject.replaceAll('\n', ', '),
    fingerprint: `sha256:${certificate.fingerprint256.replaceAll(':', '').toLowerCase()}`,
    expires_at: new Date(certificate.validTo).toISOString(),
  };
  return { cert, key, ca, view };
}
