import { requireInfo } from './cluster/cluster-record';
import { liveMembers } from './cluster/members/admission';
import { createHaproxyCommands } from './haproxy/commands';
import type { HaproxySource } from './haproxy/current';
import { publishedPort, publishedReplicas } from './work/services/queries';

/** What the load balancer needs to know of the cluster: the voters and where their APIs are. */
export const loadBalancerSource: HaproxySource = {
  clusterName: (state) => requireInfo(state).name,
  replicas: publishedReplicas,
  publishedPort,
  nodes: (state) =>
    liveMembers(state)
      .filter((member) => member.state === 'voter')
      .map(({ id, name, apiUrl, drainedAt }) => {
        const url = new URL(apiUrl);
        const tls = url.protocol === 'https:';
        const host = url.hostname.replace(/^\[|\]$/g, '');
        return {
          id,
          name,
          host,
          port: Number(url.port || (tls ? 443 : 80)),
          tls,
          state: drainedAt === null ? ('ready' as const) : ('drained' as const),
        };
      }),
};

/** The commands of the load balancer, which publishes services. */
export const haproxyCommands = createHaproxyCommands(loadBalancerSource);
