import type { JobSpec } from '@quorate/shared/jobs';
import type { StateDb } from '../../db/state-store';
import type { JobKind } from '../../reconcile/job-kind';
import { restartServices } from './commands';
import { desiredOf, replicasOf } from './queries';

/** Jobs that restart services, rolling. What has begun anew stays so when the job is cancelled. */
export const restartJobs: JobKind<Extract<JobSpec, { kind: 'service.restart' }>> = {
  kind: 'service.restart',
  async step({ spec, db, cancelRequested, propose }) {
    const { services } = await propose(restartServices, { services: spec.services }, 'restart');
    const waiting = services.filter((name) => !hasRestarted(db, name));
    const restarted = services.filter((name) => !waiting.includes(name));
    const output = restarted.map((name) => `${name} has restarted\n`).join('');
    if (waiting.length === 0) return { outcome: 'succeeded', error: '', output };
    const failed = waiting.map((name) => whyNot(db, name)).find((why) => why !== undefined);
    const error = cancelRequested ? `cancelled while ${waiting.join(', ')} had yet to restart` : failed;
    return error === undefined ? undefined : { outcome: 'failed', error, output };
  },
};

/** Those that were to begin anew have, and are well. One that waits for a place had nothing to restart. */
const hasRestarted = (db: StateDb, service: string): boolean =>
  placed(db, service).every(({ restart, state }) => !restart && state === 'healthy');

/** Why one of them does not come up; undefined while they may. */
function whyNot(db: StateDb, service: string): string | undefined {
  const bad = placed(db, service).find(({ restart, state }) => !restart && state === 'backing_off');
  return bad && `replica ${bad.slot} of ${service} does not stay up: ${bad.reason}`;
}

const placed = (db: StateDb, service: string) =>
  replicasOf(db, service).filter(({ slot, runnerId }) => runnerId !== null && slot < desiredOf(db, service));
