import type { PeerCertificate } from 'node:tls';
import type { Clock } from '../../lib/clock';
import type { Logger } from '../../lib/logger';
import { renewalReason } from '../certificate-care';
import { inspectCertificate } from '../pki/inspect';
import { createCsr, keyPinOf } from '../pki/keys';
import { checkPeer } from '../pki/peer-identity';
import { type RunnerFile, saveRunnerFile } from './join-client';

/** What this runner shows and trusts: on disk first, then in use. */
export interface RunnerCredentials {
  tls(): {
    readonly ca: string;
    readonly cert: string;
    readonly key: string;
    readonly minVersion: 'TLSv1.3';
    readonly checkServerIdentity: (host: string, certificate: PeerCertificate) => Error | undefined;
  };
  setCores(cores: readonly string[]): void;
  /** What a core says: the CAs that it is known by, and the one that signs now. PEM. */
  setTrust(trust: { readonly ca: string; readonly issuer: string }): void;
  /** Asks for a certificate when it is time. @returns whether there is a new one @throws when nobody gives one */
  renewIfDue(renew: (csr: string) => Promise<string>): Promise<boolean>;
}

export function createRunnerCredentials(options: {
  readonly dataDir: string;
  readonly file: RunnerFile;
  readonly keyPem: string;
  readonly clock: Clock;
  readonly logger: Logger;
}): RunnerCredentials {
  const { dataDir, keyPem, clock, logger } = options;
  let { file } = options;
  let issuer: string | undefined;

  let isKept = true;

  function change(next: Partial<RunnerFile>): void {
    file = { ...file, ...next };
    keep();
  }
  /** On a full disk it goes on with what it was told, and keeps that when it looks after its certificate the next time. */
  function keep(): void {
    try {
      saveRunnerFile(dataDir, file);
      isKept = true;
    } catch (error) {
      isKept = false;
      logger.error({ err: error }, 'what this runner is known by cannot be kept on the disk');
    }
  }

  return {
    tls: () => ({
      ...{ ca: file.ca, cert: file.certificate, key: keyPem, minVersion: 'TLSv1.3' },
      checkServerIdentity: (_host, certificate) => checkPeer(certificate, {}),
    }),
    setCores(cores) {
      if (cores.join() !== file.cores.join()) change({ cores: [...cores] });
    },
    setTrust(trust) {
      issuer = trust.issuer;
      if (trust.ca === file.ca) return;
      change({ ca: trust.ca });
      logger.info('this runner trusts the CAs that the cluster names by now');
    },
    async renewIfDue(renew) {
      if (!isKept) keep();
      if (issuer === undefined) return false;
      const reason = renewalReason(file.certificate, issuer, [], clock());
      if (!reason) return false;
      const certificate = await renew(await createCsr({ keyPem, nodeName: file.name }));
      if (keyPinOf(certificate) !== keyPinOf(file.certificate)) throw new Error('the certificate is for another key');
      change({ certificate });
      const { notAfter } = inspectCertificate(certificate);
      logger.info({ reason, until: new Date(notAfter).toISOString() }, 'the certificate was renewed');
      return true;
    },
  };
}
