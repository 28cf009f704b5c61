import {
  type ConnectorNode,
  type ConnectorTakeover,
  type Connector as ConnectorView,
  connectorRoutes,
} from '@quorate/shared/connector';
import { type Endpoint, endpoint, ifMatchOf, type RequestContext } from '../http/endpoint';
import { toTimestamp } from '../lib/clock';
import { setConnector } from './commands';
import type { Connector, CoreNode } from './connector';
import { currentLease, lastTakeovers, savedSettings, settingsEtag, type TakeoverRow } from './queries';

export interface ConnectorEndpointDeps {
  readonly connector: () => Connector;
  readonly members: () => readonly CoreNode[];
  readonly cluster: () => { readonly id: string; readonly name: string };
  readonly quorumHeld: () => boolean;
  /** PEM. */
  readonly clusterCa: () => string;
  readonly clock: () => number;
}

const SHOWN_TAKEOVERS = 50;
/** Before anything was saved; nodes go by their own configuration then. */
const UNSAVED = { enabled: true, url: '', ha_enabled: false, role: 'viewer', ca_cert: '' } as const;

const timeOf = (at: number | null): string | null => (at === null ? null : toTimestamp(at));

const viewTakeover = (row: TakeoverRow): ConnectorTakeover => ({
  generation: row.generation,
  node_id: row.nodeId,
  from_node_id: row.fromNodeId,
  reason: row.reason,
  claimed_at: toTimestamp(row.claimedAt),
  connected_at: timeOf(row.connectedAt),
  gap_ms: row.gapMs,
  ended_at: timeOf(row.endedAt),
});

export function connectorEndpoints(deps: ConnectorEndpointDeps): Endpoint[] {
  const show = (ctx: RequestContext): ConnectorView => {
    ctx.setHeader('etag', settingsEtag(ctx.db));
    return view(deps, ctx);
  };
  return [
    endpoint(connectorRoutes.get, show),
    endpoint(connectorRoutes.put, async (ctx, { body }) => {
      await ctx.propose(setConnector, { ...body, ifMatch: ifMatchOf(ctx) });
      return show(ctx);
    }),
  ];
}

function view(deps: ConnectorEndpointDeps, ctx: RequestContext): ConnectorView {
  const { db } = ctx;
  const saved = savedSettings(db);
  const lease = currentLease(db);
  const members = deps.members();
  const nodes = members.map((member) => viewNode(deps, member, lease?.holder === member.id));
  const holder = members.find(({ id }) => id === lease?.holder);
  const takeovers = lastTakeovers(db, SHOWN_TAKEOVERS);
  const claimedAt = takeovers.find(({ generation }) => generation === lease?.generation)?.claimedAt;
  const { id, name } = deps.cluster();
  const quorumHeld = deps.quorumHeld();
  const state = stateOf(nodes, saved?.enabled ?? true, quorumHeld);
  return {
    settings: saved ?? UNSAVED,
    configured: saved !== undefined,
    state,
    sentence: sentenceOf(state, nodes, { active: holder?.name, quorumHeld }),
    gateway: { cluster_id: id, name },
    active:
      lease && holder
        ? {
            node_id: holder.id,
            name: holder.name,
            generation: lease.generation,
            since: toTimestamp(claimedAt ?? lease.changedAt),
            connected_since: timeOf(lease.connectedAt),
          }
        : null,
    nodes,
    takeovers: takeovers.map(viewTakeover),
    cluster_ca: deps.clusterCa(),
  };
}

function viewNode({ connector, clock }: ConnectorEndpointDeps, member: CoreNode, holds: boolean): ConnectorNode {
  const report = connector().reportOf(member.id);
  const common = { node_id: member.id, name: member.name };
  if (!report) {
    const problem = 'this node does not hear of it';
    const unknown = { url: '', connected: false, reachable: null, checked_at: null, certificate: null };
    return { ...common, ...unknown, role: 'unknown', is_primary: false, problem };
  }
  const { is_primary, url, connected, reachable, checked_ago_ms: agoMs, problem, certificate } = report;
  return {
    ...common,
    ...{ is_primary, url, connected, reachable, problem, certificate },
    role: holds ? 'active' : report.takes_part ? 'standby' : 'off',
    checked_at: agoMs === null ? null : toTimestamp(Math.round(clock() - agoMs)),
  };
}

function stateOf(nodes: readonly ConnectorNode[], enabled: boolean, quorumHeld: boolean): ConnectorView['state'] {
  const active = nodes.find(({ role }) => role === 'active');
  if (active?.connected) return 'connected';
  // Whoever is active must be proven so by a majority.
  if (active && !quorumHeld) return 'no_active';
  if (active) return active.reachable === false ? 'unreachable' : 'connecting';
  if (!enabled || !nodes.some(({ role }) => role === 'standby')) return 'off';
  return nodes.some(({ reachable }) => reachable === true) ? 'no_active' : 'unreachable';
}

function sentenceOf(
  state: ConnectorView['state'],
  nodes: readonly ConnectorNode[],
  { active, quorumHeld }: { active: string | undefined; quorumHeld: boolean },
): string {
  const standby = nodes.filter(({ role }) => role === 'standby').length;
  const others =
    standby === 0 ? 'nobody stands by' : `${standby === 1 ? '1 node stands' : `${standby} nodes stand`} by`;
  switch (state) {
    case 'connected':
      return `${active} is connected to the upstream; ${others}.`;
    case 'connecting': {
      const problem = nodes.find(({ role }) => role === 'active')?.problem;
      if (problem) return `${active} is the active node, but not connected (${problem}); ${others}.`;
      return `${active} is the active node and is connecting; ${others}.`;
    }
    case 'unreachable':
      return active
        ? `${active} is the active node and cannot reach the upstream; it tries again, and so do the others.`
        : 'No node can reach the upstream; each tries again.';
    case 'no_active':
      return quorumHeld
        ? 'No node is active; one that reaches the upstream is about to take over.'
        : 'Nobody may be connected, or take over, before the cluster has a quorum again.';
    default:
      return nodes.find(({ problem }) => problem !== '')?.problem
        ? `Not connected: ${nodes.find(({ problem }) => problem !== '')?.problem}.`
        : 'Not connected.';
  }
}
