import { existsSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { renewCertificate } from '../certificate-care';
import { SECRET } from '../keyring';
import { loadIdentity, saveIdentity } from '../pki/identity';
import { CertificateError, type CertificateProblem } from '../pki/inspect';
import { decryptSecret } from '../pki/secrets';

/** What a new certificate for the same key mends: the node was off for long, its clock was wrong, or it moved. */
const HEALED: ReadonlySet<CertificateProblem> = new Set(['expired', 'not_yet_valid', 'no_usable_san']);

/**
 * Issues a certificate for a node that could not start with the one it has. Every member can: the CA's key is in its
 * state, and its copy of the cluster key opens it.
 *
 * @returns false where it cannot: another problem, or the cluster has no CA of its own
 * @throws SecretError when the cluster key does not fit the state
 */
export async function healCertificate(options: {
  readonly dataDir: string;
  readonly nodeId: number;
  readonly hosts: readonly string[];
  readonly nowMs: number;
  readonly problem: unknown;
}): Promise<boolean> {
  const { dataDir, nodeId, hosts, nowMs, problem } = options;
  const identity = loadIdentity(dataDir);
  if (!(problem instanceof CertificateError && HEALED.has(problem.code)) || !identity) return false;
  const stored = readCa(join(dataDir, 'state.db'));
  if (!stored) return false;
  const keyPem = await decryptSecret(identity.clusterKey, SECRET.caKey, stored.jwe);
  const ca = { certPem: stored.certPem, keyPem };
  saveIdentity(dataDir, await renewCertificate({ identity, ca, nodeId, hosts, nowMs }));
  return true;
}

function readCa(path: string): { certPem: string; jwe: string } | undefined {
  if (!existsSync(path)) return undefined;
  const state = new Database(path, { readonly: true, fileMustExist: true });
  try {
    const query =
      'SELECT i.ca_cert AS certPem, s.jwe AS jwe FROM cluster_info i JOIN cluster_secrets s ON s.name = ? LIMIT 1';
    return state.prepare<[string], { certPem: string; jwe: string }>(query).get(SECRET.caKey);
  } finally {
    state.close();
  }
}
