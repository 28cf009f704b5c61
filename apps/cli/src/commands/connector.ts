import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import {
  type Connector,
  type ConnectorNode,
  type ConnectorSettings,
  type ConnectorTakeover,
  connectorRoutes,
} from '@quorate/shared/connector';
import { ROLES, type Role } from '@quorate/shared/route';
import { Option } from 'commander';
import { CliError } from '../cli-error';
import { relativeTime, utcTime } from '../duration';
import type { Invocation } from '../invocation';
import { type Column, fieldsText, listView, tableText } from '../output';
import type { Register } from '../register';

const NODES: readonly Column<ConnectorNode>[] = [
  { header: 'ID', value: (n) => n.node_id },
  { header: 'NAME', value: (n) => (n.is_primary ? `${n.name} (primary)` : n.name) },
  { header: 'ROLE', value: (n) => n.role },
  { header: 'CONNECTED', value: (n) => (n.connected ? 'yes' : 'no') },
  { header: 'REACHES IT', value: (n) => (n.reachable === null ? null : n.reachable ? 'yes' : 'no') },
  {
    header: 'CERTIFICATE ENDS',
    value: (n) => (n.certificate ? relativeTime(n.certificate.expires_at, Date.now()) : null),
  },
  { header: 'PROBLEM', value: (n) => n.problem || null },
];

const TAKEOVERS: readonly Column<ConnectorTakeover>[] = [
  { header: 'GENERATION', value: (t) => t.generation },
  { header: 'TIME', value: (t) => utcTime(t.claimed_at) },
  { header: 'FROM', value: (t) => t.from_node_id },
  { header: 'TO', value: (t) => t.node_id },
  { header: 'REASON', value: (t) => t.reason.replaceAll('_', ' ') },
  { header: 'WITHOUT CONNECTION', value: (t) => (t.gap_ms === null ? null : `${t.gap_ms} ms`) },
];

function show(inv: Invocation, data: Connector): void {
  const { settings, active } = data;
  inv.print({
    data,
    names: active ? [active.name] : [],
    text: (colors) =>
      [
        data.sentence,
        '',
        fieldsText(
          [
            ['upstream', settings.url || 'as each node is configured'],
            ['enabled', settings.enabled ? 'yes' : 'no'],
            ['HA', settings.ha_enabled ? 'every core node may take over' : 'as each node is configured'],
            ['role', settings.role],
            ['own CA', settings.ca_cert === '' ? null : 'set'],
            ['gateway', `${data.gateway.name} (${data.gateway.cluster_id})`],
            ['generation', active?.generation ?? null],
          ],
          colors,
        ),
        '',
        tableText(data.nodes, NODES, colors),
      ].join('\n'),
  });
  if (settings.url === '' && data.nodes.every(({ role }) => role === 'off'))
    inv.note('name an upstream with: quorate connector set --url wss://…');
}

interface SetOptions {
  url?: string;
  role?: Role;
  ha?: boolean;
  ca?: string;
  systemCa?: boolean;
}

async function readCa(inv: Invocation, file: string): Promise<string> {
  return readFile(resolve(inv.io.cwd, file), 'utf8').catch((cause: unknown) => {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new CliError('usage', `the CA file cannot be read: ${why}`, { hint: 'give --ca a PEM file' });
  });
}

/** Changes what is given and leaves the rest as it is. */
async function change(inv: Invocation, given: Partial<ConnectorSettings>): Promise<void> {
  const { data: now, headers } = await inv.callFull(connectorRoutes.get, {});
  const etag = headers.get('etag');
  // Before the first time nothing was chosen: what the API takes for granted then holds.
  const { enabled, url, ha_enabled, role, ca_cert } = now.settings;
  const before = now.configured ? { enabled, url, ha_enabled, role, ca_cert } : {};
  const data = await inv.call(connectorRoutes.put, {
    body: { ...before, ...given },
    ...(etag === null ? {} : { headers: { 'if-match': etag } }),
  });
  show(inv, data);
}

export const registerConnector: Register = (program, run) => {
  const connector = program.command('connector').description('The one connection of the core nodes to an upstream');
  connector
    .command('show', { isDefault: true })
    .description('Whether it is there, which node is active, and how the others stand by')
    .action(run(async (inv) => show(inv, await inv.call(connectorRoutes.get, {}))));
  connector
    .command('set')
    .description('Say where the upstream is and what it may do; what is not given stays as it is')
    .option('--url <url>', 'wss://…; "" = as connector.url of each node says')
    .addOption(new Option('--role <role>', 'what the upstream may do when it calls the API').choices(ROLES))
    .option('--ha', 'let every core node take over')
    .option('--no-ha', 'let only nodes connect whose configuration says so')
    .option('--ca <file>', "PEM file with the CA of the upstream's certificate")
    .option('--system-ca', 'trust the CAs that Node.js trusts instead')
    .action(
      run(async (inv, { url, role, ha, ca, systemCa }: SetOptions) => {
        const given = {
          ...(url === undefined ? {} : { url }),
          ...(role === undefined ? {} : { role }),
          ...(ha === undefined ? {} : { ha_enabled: ha }),
          ...(systemCa ? { ca_cert: '' } : {}),
          ...(ca === undefined ? {} : { ca_cert: await readCa(inv, ca) }),
        };
        if (Object.keys(given).length === 0) {
          throw new CliError('usage', 'nothing to change', { hint: 'give --url, --role, --ha, --no-ha or --ca' });
        }
        await change(inv, given);
      }),
    );
  connector
    .command('on')
    .description('Connect, after it was switched off')
    .action(run((inv) => change(inv, { enabled: true })));
  connector
    .command('off')
    .description('Close the connection and make none, whatever nodes are configured to')
    .action(run((inv) => change(inv, { enabled: false })));
  connector
    .command('history')
    .description('Takeovers, newest first: why, and how long nobody was connected')
    .action(
      run(async (inv) => {
        const { takeovers } = await inv.call(connectorRoutes.get, {});
        const empty = 'No node was active yet. Name an upstream with: quorate connector set --url wss://…';
        inv.print(listView({ data: takeovers, rows: takeovers, columns: TAKEOVERS, name: (t) => t.generation, empty }));
      }),
    );
  connector
    .command('ca')
    .description("Print the CA of the nodes' own certificates (PEM), for the upstream to trust")
    .action(
      run(async (inv) => {
        const { cluster_ca: pem } = await inv.call(connectorRoutes.get, {});
        inv.print({ data: { cluster_ca: pem }, names: [pem.trim()], text: () => pem.trim() });
      }),
    );
};
