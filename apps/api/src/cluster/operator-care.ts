import type { Config } from '../config/derive';
import type { StateDb } from '../db/state-store';
import type { Clock } from '../lib/clock';
import { uuidv7 } from '../lib/ids';
import type { Logger } from '../lib/logger';
import type { Reconciler } from '../reconcile/driver';
import type { Proposer } from '../replication/proposer';
import { SYSTEM_ACTOR } from './founding';
import type { Journal } from './journal';
import type { OwnIdentity } from './keys/own-identity';
import { liveMembers } from './members/admission';
import { replaceOwnKey } from './members/commands';
import { operatorCheckOf } from './operator-pki';
import { keyPinOf } from './pki/keys';
import { watchOperatorPki } from './pki/operator';

/** Takes the operator's new certificate files into use while the node runs, and tells the cluster of a new key. */
export function createOperatorCare(deps: {
  config: Config;
  nodeId: number;
  own: OwnIdentity;
  journal: Journal;
  db: () => StateDb;
  proposer: Proposer;
  clock: Clock;
  logger: Logger;
}): Reconciler {
  const { config, nodeId, own, journal, db, proposer, clock, logger } = deps;
  const check = () => ({ ...operatorCheckOf(config, clock), expectedNodeId: nodeId });
  const watch = watchOperatorPki({ files: config.cluster.tls, check, current: own.identity, logger });
  return {
    name: 'operator-pki',
    intervalMs: 2_000,
    async run() {
      if (config.cluster.tls.ca === '') return;
      const next = watch.changed();
      if (next) {
        own.use({ ...own.identity(), ...next });
        logger.info('the new certificate files of the operator are in use');
      }
      const member = liveMembers(db()).find(({ id }) => id === nodeId);
      const keyPin = keyPinOf(own.identity().certPem);
      if (journal.health !== 'ok' || !member || member.keyPin === keyPin) return;
      await proposer.propose(replaceOwnKey, { keyPin }, { actor: SYSTEM_ACTOR, id: uuidv7() });
    },
  };
}
