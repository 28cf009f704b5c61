import { DomainError } from '../../commands/domain-error';
import type { StateDb } from '../../db/state-store';
import type { Clock } from '../../lib/clock';
import { uuidv7 } from '../../lib/ids';
import type { Logger } from '../../lib/logger';
import type { Proposer } from '../../replication/proposer';
import { findRunner, noteRunnerCertificate } from '../../resources/runners/commands';
import { issuesCertificates } from '../join/certificate';
import type { Keyring } from '../keyring';
import { signingCa } from '../keys/key-care';
import { inspectCertificate } from '../pki/inspect';
import { issueRunnerCertificate } from '../pki/issue';
import { CsrError, keyPinOf, verifyCsr } from '../pki/keys';

export interface RenewalDeps {
  readonly nodeId: number;
  readonly db: () => StateDb;
  readonly propose: Proposer['propose'];
  readonly keyring: Pick<Keyring, 'caKey'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * A new certificate for the key that a runner is known by. The log has it before it is handed out, so that it is only given
 * to one that is not removed.
 *
 * @returns PEM
 * @throws DomainError not_found, conflict, validation_failed, no_quorum
 */
export async function renewRunnerCertificate(deps: RenewalDeps, runnerId: string, csr: string): Promise<string> {
  const { db, clock } = deps;
  const { name, keyPin } = findRunner(db(), runnerId);
  const { publicKeyPem } = await verifyCsr(csr).catch((error: unknown) => {
    if (error instanceof CsrError) throw new DomainError('validation_failed', error.message);
    throw error;
  });
  if (keyPinOf(publicKeyPem) !== keyPin) {
    throw new DomainError('conflict', `the request is for another key than that of the runner ${name}`);
  }
  if (!issuesCertificates(db())) {
    throw new DomainError('conflict', 'this cluster runs on certificates of its operator, who renews this one, too');
  }
  const ca = await signingCa(db, deps.keyring);
  const certificate = await issueRunnerCertificate({ ca, publicKeyPem, name, nowMs: clock() });
  const { notAfter } = inspectCertificate(certificate);
  const actor = { kind: 'node', id: String(deps.nodeId), name: `node-${deps.nodeId}` } as const;
  await deps.propose(noteRunnerCertificate, { id: runnerId, expiresAt: notAfter }, { actor, id: uuidv7() });
  deps.logger.info({ runner: runnerId, name }, 'the certificate of a runner was renewed');
  return certificate;
}
