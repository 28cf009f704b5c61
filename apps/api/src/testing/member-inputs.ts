import fc from 'fast-check';
import { sha256Hex } from '../lib/hash';
import { smallId } from './small-ids';

const id = fc.integer({ min: 1, max: 4 });
const name = fc.constantFrom('n1', 'n2', 'n3', 'n4');
const keyPin = fc.constantFrom(...['one', 'two', 'three', 'four'].map(sha256Hex));
const host = fc.constantFrom('10.0.0.1', '10.0.0.2', '10.0.0.3');
const addresses = {
  clusterAddress: host.map((one) => `${one}:7000`),
  raftPeerAddress: host.map((one) => `${one}:7001`),
  raftClientAddress: host.map((one) => `${one}:7002`),
  apiUrl: host.map((one) => `http://${one}:8440`),
};
const software = { version: fc.constantFrom('1.0.0', '1.1.0'), featureLevel: fc.constant(1) };
const expires = fc.nat();

/** Inputs of the commands by which nodes become members, change and leave. */
export const memberInputs: Record<string, fc.Arbitrary<unknown>> = {
  'members.register_first': fc.record({
    ...{ id, name, keyPin, ...addresses, ...software },
    certificateExpiresAt: fc.option(expires),
  }),
  'members.admit': fc.record({
    ...{ tokenHash: smallId.map(sha256Hex), name, id: fc.option(id), keyPin, ...addresses, ...software },
    ...{ address: host, certificateExpiresAt: expires },
  }),
  'members.set_state': fc.record({ id, state: fc.constantFrom('learner', 'voter') }),
  'members.update_self': fc.record({ ...addresses, ...software, certificateExpiresAt: expires }, { requiredKeys: [] }),
  'members.replace_key': fc.record({ keyPin }),
  'members.remove': fc.record(
    { id, reason: fc.constant('gone'), voters: fc.uniqueArray(id, { maxLength: 3 }) },
    { requiredKeys: ['id'] },
  ),
  'members.set_drained': fc.record({ id, drained: fc.boolean() }),
  'epoch.start': fc.record({ epoch: fc.integer({ min: 1, max: 9 }) }),
};
