import { DomainError } from '../../commands/domain-error';
import { remembered } from '../../db/remembered';
import type { StateDb } from '../../db/state-store';
import { liveMembers } from '../members/admission';
import { fingerprintOfDer } from '../pki/keys';
import { type CaRotation, caRotation, nodeKeys } from './table';

// How far a change of the CA is. Pure over the state: the commands, the leader that drives it and the view agree.

/** Of one certificate in PEM; never throws, so that `apply` may use it. */
export const fingerprintOfPem = (pem: string): string =>
  fingerprintOfDer(Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ''), 'base64'));

/** What follows when every member has done its part. `ready` waits for people. */
export function nextStage(rotation: Pick<CaRotation, 'stage' | 'hold'>): Exclude<CaRotation['stage'], 'trusting'> {
  if (rotation.stage === 'trusting') return rotation.hold ? 'ready' : 'reissuing';
  return rotation.stage === 'reissuing' ? 'dropping' : 'finished';
}

/** The change that runs; undefined when there is none or it is over. */
export const runningCaRotation = remembered((db): CaRotation | undefined => {
  const row = db.select().from(caRotation).get();
  return row?.stage === 'finished' ? undefined : row;
});

/** @throws DomainError ca_rotation_in_progress */
export function refuseDuringCaRotation(tx: StateDb): void {
  if (!runningCaRotation(tx)) return;
  const detail = 'the CA is being replaced (quorate cluster keys shows how far it is); try again when it is over';
  throw new DomainError('ca_rotation_in_progress', detail, [], 10);
}

/** Ids of the members that have not followed yet, ascending. */
export function pendingMembers(db: StateDb, rotation: CaRotation): number[] {
  const added = fingerprintOfPem(rotation.newCaCert);
  const reports = new Map(
    db
      .select()
      .from(nodeKeys)
      .all()
      .map((row) => [row.nodeId, row]),
  );
  return liveMembers(db)
    .filter(({ id }) => {
      const said = reports.get(id);
      switch (rotation.stage) {
        case 'trusting':
        case 'ready':
          return !said?.trusts.includes(added);
        case 'reissuing':
          return said?.issuer !== added;
        default:
          return said?.trusts.join() !== added;
      }
    })
    .map(({ id }) => id);
}

/** PEM of the CAs that a member is to trust; undefined where nothing about it was ever changed. */
export function wantedCaPem(db: StateDb): string | undefined {
  const row = db.select().from(caRotation).get();
  if (!row) return undefined;
  if (row.stage === 'finished' || row.stage === 'dropping') return row.newCaCert;
  return `${row.oldCaCert.trim()}\n${row.newCaCert}`;
}
