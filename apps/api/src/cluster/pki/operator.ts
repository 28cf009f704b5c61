import { X509Certificate } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import type { Logger } from '../../lib/logger';
import { CertificateError, checkNodeCertificate, splitPem } from './inspect';
import { fingerprintOf } from './keys';

/** Where an operator's own certificate for this node lies: `cluster.tls` of the configuration. */
export interface OperatorFiles {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

export interface NodeCredentials {
  /** The CA that signed the certificate first, then all others that are trusted. */
  readonly caPem: string;
  readonly certPem: string;
  readonly keyPem: string;
}

export interface OperatorCheck {
  /** What `node.id` says, or undefined where the certificate decides. */
  readonly expectedNodeId: number | undefined;
  readonly advertisedHosts: readonly string[];
  readonly nowMs: number;
}

/**
 * Reads the operator's files and checks that a node can run with them.
 *
 * @throws CertificateError naming the file, what is wrong with it and the cure
 */
export function readOperatorPki(
  files: OperatorFiles,
  { expectedNodeId, advertisedHosts, nowMs }: OperatorCheck,
): NodeCredentials & { readonly nodeId: number } {
  const keyPem = readPart(files, 'key');
  const certPem = readPart(files, 'cert');
  const caPem = issuerFirst(readPart(files, 'ca'), certPem);
  const expected = expectedNodeId === undefined ? {} : { expectedNodeId };
  const { nodeId } = checkNodeCertificate({ certPem, keyPem, caPem, advertisedHosts, nowMs, ...expected });
  return { caPem, certPem, keyPem, nodeId };
}

function readPart(files: OperatorFiles, part: keyof OperatorFiles): string {
  try {
    return readFileSync(files[part], 'utf8');
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const cure = `put the PEM file there, readable for the user that runs quorated, or correct cluster.tls.${part}`;
    throw new CertificateError('malformed', `cluster.tls.${part} cannot be read (${why})`, cure, { cause: error });
  }
}

/** The first CA is the one whose fingerprint join strings carry. A file that is none is left to the check. */
function issuerFirst(caPem: string, certPem: string): string {
  try {
    const leaf = new X509Certificate(certPem);
    const authorities = splitPem(caPem);
    const isIssuer = (pem: string): boolean => leaf.checkIssued(new X509Certificate(pem));
    return `${authorities.toSorted((a, b) => Number(isIssuer(b)) - Number(isIssuer(a))).join('\n')}\n`;
  } catch {
    return caPem;
  }
}

/** Whether both texts hold a common CA: one may be replaced by another over a time in which both are trusted. */
export function shareCa(one: string, other: string): boolean {
  const known = new Set(splitPem(one).map(fingerprintOf));
  return splitPem(other).some((pem) => known.has(fingerprintOf(pem)));
}

/** Notices that the operator has put other files in place. */
export interface OperatorWatch {
  /** The new files, once, when they are good; bad ones are logged once and the old ones stay in use. */
  changed(): NodeCredentials | undefined;
}

export function watchOperatorPki(options: {
  files: OperatorFiles;
  check: () => OperatorCheck;
  /** What is in use by now. */
  current: () => NodeCredentials;
  logger: Logger;
}): OperatorWatch {
  const { files, logger } = options;
  let seen = '';
  return {
    changed() {
      const now = signatureOf(files);
      if (now === seen) return undefined;
      seen = now;
      try {
        const { caPem, certPem, keyPem } = readOperatorPki(files, options.check());
        const old = options.current();
        if (caPem === old.caPem && certPem === old.certPem && keyPem === old.keyPem) return undefined;
        if (shareCa(caPem, old.caPem)) return { caPem, certPem, keyPem };
        logger.error('cluster.tls.ca shares no CA with the one in use: list both until every node has its new files');
      } catch (error) {
        logger.error({ err: error }, 'the new certificate files cannot be used; this node goes on with the old ones');
      }
      return undefined;
    },
  };
}

/** Files of one size and time are the same files. A half-written set fails its check, and is read again when it changes. */
function signatureOf({ ca, cert, key }: OperatorFiles): string {
  return [ca, cert, key]
    .map((path) => {
      const stat = statSync(path, { throwIfNoEntry: false });
      return stat ? `${stat.mtimeMs}:${stat.size}:${stat.ino}` : 'missing';
    })
    .join(' ');
}
