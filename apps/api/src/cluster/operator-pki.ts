import type { Config } from '../config/derive';
import type { Clock } from '../lib/clock';
import { parseHostPort } from '../lib/net';
import { advertisedAddresses } from './addresses';
import { type NodeCredentials, type OperatorCheck, readOperatorPki } from './pki/operator';

/** The certificates of `cluster.tls`, checked; undefined where the cluster provisions them. @throws CertificateError */
export function operatorPkiOf(config: Config, clock: Clock): (NodeCredentials & { nodeId: number }) | undefined {
  if (config.cluster.tls.ca === '') return undefined;
  return readOperatorPki(config.cluster.tls, operatorCheckOf(config, clock));
}

export function operatorCheckOf(config: Config, clock: Clock): OperatorCheck {
  const { cluster, raftPeer, raftClient } = advertisedAddresses(config);
  return {
    expectedNodeId: config.node.id === 'auto' ? undefined : config.node.id,
    advertisedHosts: [cluster, raftPeer, raftClient].flatMap((address) => parseHostPort(address)?.host ?? []),
    nowMs: clock(),
  };
}
