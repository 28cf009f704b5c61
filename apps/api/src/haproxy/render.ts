import { createHash } from 'node:crypto';
import type { HaproxyVersion } from '@quorate/shared/haproxy';
import type { HaproxyBackend, HaproxyFrontend, HaproxyModel, HaproxyServer, HaproxyService } from './model';

/** Readiness endpoint of a node: 200 when it may take traffic, 503 while it drains, re-syncs or has lost quorum. */
export const READINESS_PATH = '/readyz';
/** The Host header of a health check; HTTP/1.1 demands one and nodes answer to any. */
export const CHECK_HOST = 'quorate';
/** What the backends of services begin with. */
const SERVICE_BACKEND = 'service_';

/**
 * The configuration text for one HAProxy version. Every directive used is understood by all supported versions
 * (2.4 to 3.3); what a newer one would decide by itself (SNI, balance, aborts) is written out.
 * The first lines are comments with the revision: the start of the SHA-256 of the rest.
 */
export function renderConfig(model: HaproxyModel, version: HaproxyVersion): string {
  const sections = [
    globalSection(model),
    defaultsSection(model),
    ...model.frontends.map((frontend) => frontendSection(frontend, model.backend.name)),
    backendSection(model.backend),
    ...model.services.flatMap((service) => [serviceFrontend(service), serviceBackend(service, model.backend.check)]),
  ];
  const body = sections.map((lines) => `${lines.join('\n')}\n`).join('\n');
  const revision = createHash('sha256').update(`${version}\n${body}`).digest('hex').slice(0, 12);
  return `${header(model, version, revision)}\n\n${body}`;
}

function header(model: HaproxyModel, version: string, revision: string): string {
  const lines = [
    `Quorate cluster ${model.clusterName}: made for HAProxy ${version}, revision ${revision}`,
    'Made from the live membership; changes by hand are lost when it is made again.',
    '  check:   haproxy -c -f /etc/haproxy/haproxy.cfg',
    '  reload:  systemctl reload haproxy',
    '  renew:   quorate haproxy config > /etc/haproxy/haproxy.cfg   (or: quorate haproxy watch)',
    ...model.warnings.map((warning) => `WARNING: ${warning}`),
  ];
  return lines.map((line) => `# ${comment(line)}`).join('\n');
}

function globalSection({ global }: HaproxyModel): string[] {
  return [
    'global',
    `    maxconn ${global.maxConnections}`,
    '    # After a reload the old process keeps its streams for this long; clients then reconnect.',
    '    hard-stop-after 60s',
    ...(global.runAs ? [`    user ${global.runAs}`, `    group ${global.runAs}`] : []),
    ...(global.runtimeSocket
      ? [
          '    # Changes servers without a reload, and lets a reload pass the listening sockets on.',
          `    stats socket ${word(global.runtimeSocket)} mode 660${global.runAs ? ` group ${global.runAs}` : ''} level admin expose-fd listeners`,
        ]
      : []),
    ...(global.terminatesTls ? ['    ssl-default-bind-options ssl-min-ver TLSv1.2'] : []),
  ];
}

function defaultsSection({ defaults }: HaproxyModel): string[] {
  const stream = `${defaults.streamTimeoutSeconds}s`;
  return [
    'defaults',
    '    mode http',
    '    # Tight where a healthy peer is quick, so that a dead node costs little.',
    '    timeout connect 3s',
    '    timeout queue 5s',
    '    timeout check 2s',
    '    timeout http-request 10s',
    '    timeout http-keep-alive 60s',
    '    timeout client-fin 10s',
    '    timeout server-fin 10s',
    '    # Long where silence is normal: server-sent events stay open.',
    `    timeout client ${stream}`,
    `    timeout server ${stream}`,
    `    timeout tunnel ${stream}`,
  ];
}

function frontendSection(frontend: HaproxyFrontend, backend: string): string[] {
  const head = `frontend ${frontend.name}`;
  if (frontend.kind === 'redirect') return [head, ...redirectLines(frontend.bind, frontend.httpsPort)];
  if (frontend.kind === 'observe') return [head, ...observeLines(frontend)];
  const tls = frontend.certificatePath !== null;
  return [
    head,
    `    mode ${frontend.mode}`,
    `    bind ${frontend.bind}${tlsWords(frontend.certificatePath, frontend.mode)}`,
    ...(frontend.mode === 'http'
      ? forwardedLines(tls)
      : ['    # TLS ends at the nodes: they see the address of HAProxy.']),
    `    default_backend ${backend}`,
  ];
}

const tlsWords = (certificatePath: string | null, mode: 'http' | 'tcp'): string =>
  certificatePath === null ? '' : ` ssl crt ${word(certificatePath)}${mode === 'http' ? ' alpn h2,http/1.1' : ''}`;

function serviceFrontend({ service, mode, bind, certificate_path: certificate }: HaproxyService): string[] {
  return [
    `frontend publish_${service}`,
    `    mode ${mode}`,
    `    bind ${bind}${tlsWords(certificate, mode)}`,
    ...(mode === 'http' ? forwardedLines(certificate !== null) : []),
    `    default_backend ${SERVICE_BACKEND}${service}`,
  ];
}

function serviceBackend(
  { service, mode, balance, replicas }: HaproxyService,
  check: HaproxyBackend['check'],
): string[] {
  return [
    `backend ${SERVICE_BACKEND}${service}`,
    `    mode ${mode}`,
    `    balance ${balance}`,
    ...(balance === 'source' ? ['    hash-type consistent'] : []),
    ...retryLines(mode),
    '    # Runners check the health of replicas; here only whether the port is open, which tells of a dead host sooner.',
    defaultServer(check),
    ...replicas.map(
      ({ name, id, address, disabled }) => `    server ${name} ${address} id ${id}${disabled ? ' disabled' : ''}`,
    ),
  ];
}

const retryLines = (mode: 'http' | 'tcp'): string[] => [
  '    # Only a connection that never came up is tried again, on another server: a request that one may have seen is',
  '    # never sent twice, because writes are not idempotent.',
  '    retries 3',
  '    option redispatch 1',
  ...(mode === 'http' ? ['    retry-on conn-failure', '    option abortonclose'] : []),
];

const defaultServer = ({ intervalMs, rise, fall }: HaproxyBackend['check']): string =>
  `    default-server check inter ${intervalMs}ms rise ${rise} fall ${fall} on-marked-down shutdown-sessions`;

function forwardedLines(tls: boolean): string[] {
  return [
    '    # What a client claims about itself is dropped; the nodes see what HAProxy saw.',
    '    http-request del-header Forwarded',
    '    http-request del-header X-Real-IP',
    '    http-request del-header X-Forwarded- -m beg',
    '    http-request set-header X-Forwarded-For %[src]',
    `    http-request set-header X-Forwarded-Proto ${tls ? 'https' : 'http'}`,
    '    http-request set-header X-Forwarded-Host %[req.hdr(host)] if { req.hdr(host) -m found }',
  ];
}

function redirectLines(bind: string, httpsPort: number): string[] {
  const target = httpsPort === 443 ? '' : `:${httpsPort}`;
  return [
    `    bind ${bind}`,
    '    timeout client 10s',
    `    http-request redirect prefix https://%[req.hdr(host),field(1,:)]${target} code 301`,
  ];
}

function observeLines(frontend: { bind: string; stats: boolean; prometheus: boolean }): string[] {
  return [
    `    bind ${frontend.bind}`,
    '    timeout client 10s',
    ...(frontend.prometheus ? ['    http-request use-service prometheus-exporter if { path /metrics }'] : []),
    ...(frontend.stats
      ? ['    stats enable', '    stats uri /', '    stats refresh 5s', '    stats hide-version']
      : ['    http-request return status 404']),
  ];
}

function backendSection(backend: HaproxyBackend): string[] {
  return [
    `backend ${backend.name}`,
    `    mode ${backend.mode}`,
    `    balance ${backend.balance}`,
    ...(backend.balance === 'source' ? ['    hash-type consistent'] : []),
    `    # A node is asked whether it may take traffic, not whether its port is open.`,
    '    option httpchk',
    `    http-check send meth GET uri ${READINESS_PATH} ver HTTP/1.1 hdr Host ${CHECK_HOST}`,
    '    http-check expect status 200',
    ...retryLines(backend.mode),
    defaultServer(backend.check),
    ...backend.servers.map((server) => `    ${serverLine(server, backend)}`),
  ];
}

/**
 * HAProxy compares DNS names and the CN of a server's certificate, never IP SANs, and a certificate that merely chains
 * to the CA would pass for any node: so a name is always pinned, and as SNI, because SNI wins over `verifyhost`
 * and 3.3 would otherwise take it from the client's Host header.
 */
function serverLine(server: HaproxyServer, backend: HaproxyBackend): string {
  const words = ['server', server.name, server.address, 'id', String(server.id)];
  if (server.tls) {
    words.push(...(backend.mode === 'http' ? ['ssl', 'sni', `str(${server.certificateName})`] : ['check-ssl']));
    words.push('check-sni', server.certificateName, 'verify', 'required', 'ca-file', word(backend.caPath));
  }
  if (backend.serverMaxConnections !== null) words.push('maxconn', String(backend.serverMaxConnections));
  if (server.disabled !== null) words.push('disabled');
  return words.join(' ');
}

/** One argument, quoted when HAProxy would read more into it. */
function word(text: string): string {
  return /^[\w./:@%+,=*[\]-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** Text that cannot leave its comment line. */
function comment(text: string): string {
  return text.replace(/\p{C}+/gu, ' ');
}
