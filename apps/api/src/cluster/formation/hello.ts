import { MAX_CLOCK_SKEW_MS } from '@quorate/shared/join-protocol';
import { joinTokenPlain } from '@quorate/shared/join-tokens';
import { hostPort, nodeId, nodeName, sha256Fingerprint } from '@quorate/shared/names';
import { z } from 'zod';

// What founding members tell each other, over mutual TLS. Part of no public API.

export const FORMATION_PATH = '/v1/cluster/formation';

/** What a founding member says of itself and of the cluster that it is to be part of. */
export const helloSchema = z.object({
  node_id: nodeId,
  name: nodeName,
  cluster_address: hostPort,
  peers: z.array(hostPort).max(7),
  bootstrap_expect: z.int(),
  cluster_token: z.string().max(64),
  version: z.string().max(64),
  /** Its clock, ms since the epoch. */
  clock: z.int(),
});
export type Hello = z.infer<typeof helloSchema>;

/** Lets the one who said hello into a cluster that is there already. */
export const ticketSchema = z.object({ token: joinTokenPlain, ca_fingerprint: sha256Fingerprint });

export const answerSchema = z.object({
  hello: helloSchema,
  /** Null while there is no cluster yet. */
  ticket: ticketSchema.nullable(),
});
export type FormationAnswer = z.infer<typeof answerSchema>;

const sorted = (list: readonly string[]): string => list.toSorted().join(', ');

/**
 * What keeps two founding members from being of one cluster, with the cure; undefined when nothing does. Pure.
 *
 * @param their what the node at `address` of the list says
 */
export function contradiction(own: Hello, their: Hello, address: string): string | undefined {
  const who = `${their.name} (node ${their.node_id}) at ${address}`;
  if (their.cluster_token !== own.cluster_token) {
    return `${who} has cluster.token ${their.cluster_token}, here it is ${own.cluster_token}: set the same on every member`;
  }
  if (sorted(their.peers) !== sorted(own.peers)) {
    return `${who} has cluster.peers [${sorted(their.peers)}], here it is [${sorted(own.peers)}]: give every member the same list`;
  }
  if (their.bootstrap_expect !== own.bootstrap_expect) {
    return `${who} has cluster.bootstrap_expect ${their.bootstrap_expect}, here it is ${own.bootstrap_expect}: set the same on every member`;
  }
  if (their.cluster_address !== address) {
    return `${who} says that its address is ${their.cluster_address}: set its cluster.advertise to ${address}, or correct the list`;
  }
  if (their.node_id === own.node_id) {
    return `${who} has the node id of this node: give each member a certificate of its own (CN <prefix>-node-<id>)`;
  }
  if (their.name.toLowerCase() === own.name.toLowerCase()) {
    return `${who} has the name of this node: set node.name`;
  }
  const skewMs = their.clock - own.clock;
  if (Math.abs(skewMs) > MAX_CLOCK_SKEW_MS) {
    return `the clock of ${who} is ${(skewMs / 1000).toFixed(1)} s off: run an NTP client such as chrony on every member`;
  }
  return undefined;
}

/** Two others that cannot be of one cluster: the ids and names of all must differ. Pure. */
export function collision(hellos: readonly Hello[]): string | undefined {
  for (const [index, one] of hellos.entries()) {
    for (const other of hellos.slice(index + 1)) {
      const where = `${one.cluster_address} and ${other.cluster_address}`;
      if (one.node_id === other.node_id) {
        return `${where} both are node ${one.node_id}: give each member a certificate of its own`;
      }
      if (one.name.toLowerCase() === other.name.toLowerCase())
        return `${where} both are named ${one.name}: set node.name`;
    }
  }
  return undefined;
}
