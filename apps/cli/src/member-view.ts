import { type Cluster, clusterRoutes, type Member, type MembershipPreview } from '@quorate/shared/cluster';
import type { Join } from '@quorate/shared/joins';
import { nearest } from '@quorate/shared/nearest';
import { CliError } from './cli-error';
import { updateConfig } from './config-store';
import { formatDuration, relativeTime, utcTime } from './duration';
import type { Invocation } from './invocation';
import { type Colors, type Column, fieldsText, plain, tableText } from './output';

const HEALTH_ICON = { healthy: '●', lagging: '◐', unhealthy: '▲', unreachable: '✖', unknown: '○' } as const;

function paintHealth(text: string, member: Member, colors: Colors): string {
  if (member.health === 'healthy') return colors.green(text);
  return member.health === 'unreachable' || member.health === 'unhealthy' ? colors.red(text) : colors.yellow(text);
}

export const MEMBER_COLUMNS: readonly Column<Member>[] = [
  { header: 'ID', value: (m) => m.id },
  { header: 'NAME', value: (m) => m.name, paint: (text, m, colors) => (m.leader ? colors.bold(text) : text) },
  { header: 'SUFFRAGE', value: (m) => (m.drained ? `${m.suffrage} (drained)` : m.suffrage) },
  {
    header: 'LEADER',
    value: (m) => (m.leader ? '★' : null),
    paint: (text, m, colors) => (m.leader ? colors.cyan(text) : text),
  },
  { header: 'HEALTH', value: (m) => `${HEALTH_ICON[m.health]} ${m.health}`, paint: paintHealth },
  { header: 'APPLIED', value: (m) => m.applied_index },
  { header: 'LAG', value: (m) => m.lag },
  { header: 'VERSION', value: (m) => m.version },
  { header: 'ADDRESS', value: (m) => m.cluster_address },
  { header: 'API', value: (m) => m.api_url },
];

export const JOIN_COLUMNS: readonly Column<Join>[] = [
  { header: 'ID', value: (j) => j.node_id },
  { header: 'NAME', value: (j) => j.node_name },
  { header: 'STAGE', value: (j) => j.stage },
  { header: 'CAUGHT UP', value: (j) => (j.caught_up_percent === null ? null : `${Math.floor(j.caught_up_percent)}%`) },
  {
    header: 'STATE',
    value: (j) => j.state,
    paint: (text, j, colors) => (j.state === 'dangling' ? colors.yellow(text) : text),
  },
  { header: 'ADDRESS', value: (j) => j.address },
  { header: 'UPDATED', value: (j) => relativeTime(j.updated_at, Date.now()) },
  { header: 'DETAIL', value: (j) => j.detail },
];

export function memberFields(m: Member): readonly (readonly [string, string | number | null])[] {
  return [
    ['id', m.id],
    ['name', m.name + (m.self ? ' (the node that answers)' : '')],
    ['suffrage', m.suffrage + (m.leader ? ', leader' : '') + (m.drained ? ', drained' : '')],
    ['health', m.health_detail ? `${m.health}: ${m.health_detail}` : m.health],
    ['applied index', m.applied_index],
    ['lag', m.lag],
    ['version', m.etcd_version ? `${m.version} (etcd ${m.etcd_version})` : m.version],
    ['api', m.api_url],
    ['cluster address', m.cluster_address],
    ['raft peer', m.raft_peer_address],
    ['raft client', m.raft_client_address],
    ['round trip', m.round_trip_ms === null ? null : `${m.round_trip_ms.toFixed(1)} ms`],
    ['clock offset', m.clock_offset_ms === null ? null : `${m.clock_offset_ms.toFixed(0)} ms`],
    ['last seen', relativeTime(m.last_seen_at, Date.now())],
    ['joined', utcTime(m.joined_at)],
    [
      'certificate',
      m.certificate_expires_at === null ? null : `expires ${relativeTime(m.certificate_expires_at, Date.now())}`,
    ],
  ];
}

/** The dense summary of `status`. */
export function statusText(cluster: Cluster, joins: readonly Join[], colors: Colors): string {
  const { quorum } = cluster;
  const leader = cluster.members.find((m) => m.id === cluster.leader_id);
  const mark = quorum.held ? (quorum.tolerated > 0 ? colors.green('●') : colors.yellow('◐')) : colors.red('✖');
  const kind = cluster.external_etcd ? 'cluster on an etcd of its operator' : 'raft cluster';
  const mode = cluster.growing ? 'growing into a cluster' : cluster.mode === 'single' ? 'single node' : kind;
  const lines = [
    `${colors.bold(plain(cluster.name))}  ${colors.dim(`${mode}, version ${plain(cluster.version)}`)}`,
    `${mark} ${plain(quorum.sentence)}`,
    ...(quorum.advice ? [`  ${plain(quorum.advice)}`] : []),
    '',
    fieldsText(
      [
        ['leader', leader ? `${leader.name} (${leader.id})` : 'none'],
        ['voters', `${quorum.healthy} of ${quorum.voters} healthy, ${quorum.needed} needed`],
        ['term', `${cluster.term}, epoch ${cluster.epoch}`],
        ['index', `${cluster.applied_index} applied, tip ${cluster.tip_index}`],
        ['last backup', lastBackup(cluster)],
        ['node', `${cluster.node_id} answers, up ${formatDuration(Date.now() - Date.parse(cluster.started_at))}`],
      ],
      colors,
    ),
    '',
    tableText(cluster.members, MEMBER_COLUMNS, colors),
  ];
  const troubled = cluster.members.filter((m) => m.health_detail);
  for (const m of troubled) lines.push(colors.yellow(`  ${plain(m.name)}: ${plain(m.health_detail)}`));
  if (cluster.upgrade) lines.push(colors.yellow(`  ${plain(cluster.upgrade.sentence)}`));
  if (joins.length > 0) lines.push('', 'Joins in progress', tableText(joins, JOIN_COLUMNS, colors));
  return lines.join('\n');
}

function lastBackup({ backups }: Cluster): string {
  const failed = backups.failed_since > 0 ? `, ${backups.failed_since} failed since` : '';
  return `${backups.last_at === null ? 'none' : relativeTime(backups.last_at, Date.now())}${failed}${backups.scheduled ? '' : ', no schedule'}`;
}

/** The preview of a membership change, before → after. */
export function previewText(preview: MembershipPreview, colors: Colors): string {
  const row = (what: string, key: 'voters' | 'needed' | 'healthy' | 'tolerated') => ({
    what,
    before: preview.before[key],
    after: preview.after[key],
  });
  const shown = (count: number): number | string => (count < 0 ? 'quorum lost' : count);
  const rows = [
    row('voters', 'voters'),
    row('needed for quorum', 'needed'),
    row('healthy', 'healthy'),
    row('may fail', 'tolerated'),
  ];
  return tableText(
    rows,
    [
      { header: 'QUORUM', value: (r) => r.what },
      { header: 'BEFORE', value: (r) => shown(r.before) },
      {
        header: 'AFTER',
        value: (r) => shown(r.after),
        paint: (text, r, c) => (r.what === 'may fail' && r.after < r.before ? c.yellow(text) : text),
      },
    ],
    colors,
  );
}

const isLoopback = (url: string): boolean => /^https?:\/\/(localhost|127\.|\[::1\])/.test(url);

/**
 * Keeps the members' API addresses in the context, so that commands survive the loss of the node they were
 * pointed at. Never a downgrade: no http for an https context, no loopback for a remote one.
 */
export async function learnEndpoints(inv: Invocation, members: readonly Member[]): Promise<void> {
  const { contextName } = await inv.connection();
  if (contextName === undefined) return;
  await updateConfig(inv.io, (config) => {
    const context = config.contexts[contextName];
    if (!context) return false;
    const learned = members
      .map((m) => m.api_url.replace(/\/+$/, ''))
      .filter((url) => URL.canParse(url) && url !== context.server)
      .filter((url) => url.startsWith('https:') || context.server.startsWith('http:'))
      .filter((url) => !isLoopback(url) || isLoopback(context.server))
      .sort();
    if (learned.length === 0 || learned.join() === context.endpoints.join()) return false;
    context.endpoints = learned;
    return true;
  }).catch((error: Error) => inv.warn(error.message));
}

/** The member with this id or name. @throws CliError that suggests the nearest name */
export async function findMember(inv: Invocation, idOrName: string): Promise<Member> {
  const { items } = await inv.call(clusterRoutes.members, {});
  const member = items.find((m) => String(m.id) === idOrName || m.name === idOrName);
  if (member) return member;
  const suggestion = nearest(
    idOrName,
    items.map((m) => m.name),
  );
  throw new CliError('notFound', `no member has the id or name '${idOrName}'`, {
    hint: suggestion ? `did you mean ${suggestion}?` : `members: ${items.map((m) => `${m.id} ${m.name}`).join(', ')}`,
  });
}
