import type { Facts } from './facts';
import { type Finding, fail, ok, warn } from './finding';

const CHECK = 'upstream';

/** The connection to the upstream, where one is configured: the cluster's, and whether this node could take over. */
export function checkConnector({ connector, cluster }: Pick<Facts, 'connector' | 'cluster'>): Finding[] {
  if (!connector?.settings.enabled || connector.nodes.every(({ url }) => url === '')) return [];
  const { state, sentence, nodes } = connector;
  const why = nodes.find(({ problem }) => problem !== '')?.problem ?? '';
  const cure = 'quorate connector shows what each node finds; see docs/connector.md';
  if (state !== 'connected') {
    const detail = why === '' || sentence.includes(why) ? sentence : `${sentence} ${why}`;
    return [state === 'connecting' || state === 'no_active' ? warn(CHECK, detail, cure) : fail(CHECK, detail, cure)];
  }
  const own = nodes.find(({ node_id: id }) => id === cluster?.node_id);
  if (own?.reachable === false) return [warn(CHECK, `this node could not take over: ${own.problem}`, cure)];
  return [ok(CHECK, sentence)];
}
