import { CHECK_HOST, READINESS_PATH } from '../render';
import { type DirectiveRule, drop, rename } from './directive-rule';
import { GLOBAL_RULES, QUIC_RULES } from './global-directives';
import { type ConfigLine, rest, valueAt } from './line';

/** The health check that a node of this product answers: readiness over HTTP/1.1 with a Host. */
export function readinessCheck(host: string): string[] {
  return [
    'option httpchk',
    `http-check send meth GET uri ${READINESS_PATH} ver HTTP/1.1 hdr Host ${host}`,
    'http-check expect status 200',
  ];
}

const OPTIONS: readonly DirectiveRule[] = [
  {
    directive: 'option http-use-htx',
    where: 'proxy',
    deprecated: '2.1',
    removed: '2.5',
    message:
      'HTX is the only HTTP engine since 2.1, where this option became without effect; 2.5 removed it. Drop the line.',
    replace: drop,
  },
  {
    directive: 'option httpclose',
    where: 'proxy',
    severity: 'warning',
    message:
      'closes the connection after every response, which costs a TCP (and TLS) handshake a request. It was the only safe mode before 1.5; keep-alive is the default now. Drop the line, or use "option http-server-close" if only the server side must close.',
    replace: drop,
  },
  {
    directive: 'option forceclose',
    where: 'proxy',
    removed: '2.0',
    message: 'is not supported any more since 2.0; connections are closed properly without it. Drop the line.',
    replace: drop,
  },
  {
    directive: 'option http-tunnel',
    where: 'proxy',
    removed: '2.1',
    message: 'is not supported any more since 2.1; upgrades (WebSocket) become tunnels by themselves. Drop the line.',
    replace: drop,
  },
  {
    directive: 'option http_proxy',
    where: 'proxy',
    removed: '2.5',
    message:
      'stopped working in 1.9 and was removed in 2.5; use "http-request do-resolve", "http-request set-dst" and "http-request set-uri".',
  },
  {
    directive: 'option accept-invalid-http-request',
    where: 'proxy',
    deprecated: '3.1',
    message: 'was renamed in 3.1, to say that it is unsafe.',
    replace: rename('option accept-unsafe-violations-in-http-request', 2),
  },
  {
    directive: 'option accept-invalid-http-response',
    where: 'proxy',
    deprecated: '3.1',
    message: 'was renamed in 3.1, to say that it is unsafe.',
    replace: rename('option accept-unsafe-violations-in-http-response', 2),
  },
  {
    directive: 'option transparent',
    where: 'proxy',
    deprecated: '3.3',
    message:
      'is deprecated since 3.3 and planned for removal in 3.5; a server line with the address 0.0.0.0 does the same.',
  },
  {
    directive: 'option nolinger',
    where: 'proxy',
    severity: 'warning',
    message: 'resets connections and so truncates responses for slow clients. Drop the line.',
    replace: drop,
  },
  {
    directive: 'option httpchk',
    where: 'proxy',
    severity: 'warning',
    message: '',
  },
  { directive: 'option httpslog', where: 'proxy', introduced: '2.5', message: 'came in 2.5.' },
  { directive: 'option http-restrict-req-hdr-names', where: 'proxy', introduced: '2.6', message: 'came in 2.6.' },
];

const TIMEOUTS: readonly DirectiveRule[] = (
  [
    ['clitimeout', 'client'],
    ['contimeout', 'connect'],
    ['srvtimeout', 'server'],
  ] as const
).flatMap(([old, now]) => [
  {
    directive: old,
    where: 'proxy' as const,
    removed: '2.1',
    message: `is not supported any more since 2.1; it is "timeout ${now}" now.`,
    replace: rename(`timeout ${now}`, 1),
  },
  {
    directive: `timeout ${old}`,
    where: 'proxy' as const,
    removed: '2.1',
    message: `is not supported any more since 2.1; it is "timeout ${now}" now.`,
    replace: rename(`timeout ${now}`, 2),
  },
]);

/** `reqadd X-A:\ b if c` → `http-request add-header X-A b if c`. */
function addHeader(to: string) {
  return (line: ConfigLine) => {
    const header = /^([\w-]+):\s*(.*)$/s.exec(valueAt(line, 1));
    if (!header?.[1]) return null;
    return [`${to} add-header ${header[1]} ${quote(header[2] ?? '')} ${rest(line, 2)}`.trim()];
  };
}

/** `reqidel ^X-A:.*` → `http-request del-header X-A`; other patterns have no mechanical form. */
function delHeader(to: string) {
  return (line: ConfigLine) => {
    const header = /^\^([\w-]+):?(?:\.\*)?$/.exec(valueAt(line, 1));
    return header?.[1] ? [`${to} del-header ${header[1]} ${rest(line, 2)}`.trim()] : null;
  };
}

function quote(text: string): string {
  return /^[\w./:=,-]+$/.test(text) ? text : `"${text.replace(/["\\$]/g, '\\$&')}"`;
}

const HEADER_RULES: readonly (readonly [names: string, instead: string, replace?: DirectiveRule['replace']])[] = [
  ['reqadd', 'http-request add-header', addHeader('http-request')],
  ['rspadd', 'http-response add-header', addHeader('http-response')],
  ['reqdel reqidel', 'http-request del-header', delHeader('http-request')],
  ['rspdel rspidel', 'http-response del-header', delHeader('http-response')],
  ['reqrep reqirep', 'http-request replace-path, replace-uri or replace-header'],
  ['rsprep rspirep', 'http-response replace-header'],
  ['reqdeny reqideny', 'http-request deny with an ACL on path or header'],
  ['rspdeny rspideny', 'http-response deny with an ACL'],
  ['reqallow reqiallow reqpass reqipass', 'http-request allow with an ACL'],
  ['reqtarpit reqitarpit', 'http-request tarpit with an ACL'],
  ['reqsetbe reqisetbe', 'use_backend with an ACL'],
];

const REQ_RSP: readonly DirectiveRule[] = HEADER_RULES.flatMap(([names, instead, replace]) =>
  names.split(' ').map((directive) => ({
    directive,
    where: 'proxy' as const,
    removed: '2.1',
    message: `is not supported any more since 2.1; write "${instead}".`,
    ...(replace ? { replace } : {}),
  })),
);

const PROXY: readonly DirectiveRule[] = [
  {
    directive: 'block',
    where: 'proxy',
    removed: '2.1',
    message: 'is not supported any more since 2.1; "http-request deny" takes the same condition.',
    replace: rename('http-request deny', 1),
  },
  {
    directive: 'redispatch',
    where: 'proxy',
    removed: '2.1',
    message: 'is not supported any more since 2.1; it is "option redispatch" now.',
    replace: () => ['option redispatch'],
  },
  {
    directive: 'redisp',
    where: 'proxy',
    removed: '2.1',
    message: 'is not supported any more since 2.1; it is "option redispatch" now.',
    replace: () => ['option redispatch'],
  },
  {
    directive: 'appsession',
    where: 'proxy',
    removed: '1.6',
    message: 'is not supported any more since 1.6; a stick table learns the same cookie.',
    replace: (line) => {
      const name = valueAt(line, 1);
      const option = (word: string) => valueAt(line, line.words.findIndex((w) => w.value === word) + 1 || 99);
      return [
        `stick-table type string len ${option('len') || '52'} size 100k expire ${option('timeout') || '1h'}`,
        `stick store-response res.cook(${name})`,
        `stick match req.cook(${name})`,
      ];
    },
  },
  {
    directive: 'monitor-net',
    where: 'proxy',
    removed: '2.3',
    message: 'was removed in 2.3; answer the monitoring addresses with a rule.',
    replace: (line) => [`http-request return status 200 if { src ${rest(line, 1)} }`],
  },
  {
    directive: 'mode health',
    where: 'proxy',
    removed: '2.3',
    message: 'was removed in 2.3; answer with a rule.',
    replace: () => ['mode http', 'http-request return status 200'],
  },
  {
    directive: 'bind-process',
    where: 'proxy',
    deprecated: '2.5',
    removed: '2.7',
    message: 'lost its effect with nbproc in 2.5 and was removed in 2.7; threads use all processors. Drop the line.',
    replace: drop,
  },
  {
    directive: 'grace',
    where: 'proxy',
    deprecated: '2.3',
    removed: '2.5',
    message: 'was removed in 2.5. Drop the line.',
    replace: drop,
  },
  {
    directive: 'dispatch',
    where: 'proxy',
    deprecated: '3.3',
    message: 'is deprecated since 3.3 and planned for removal in 3.5; a server does the same, with health checks.',
  },
  {
    directive: 'transparent',
    where: 'proxy',
    deprecated: '3.3',
    severity: 'advice',
    message:
      'is the old form of "option transparent", itself deprecated since 3.3; a server line with the address 0.0.0.0 does the same.',
  },
  {
    directive: 'redirect',
    where: 'proxy',
    severity: 'advice',
    message: 'still works, but "http-request redirect" runs in the order in which it is written.',
    replace: rename('http-request redirect', 1),
  },
  {
    directive: 'email-alert',
    where: 'proxy',
    deprecated: '3.1',
    severity: 'advice',
    message: 'the built-in mailer is deprecated since 3.1; 3.3 needs the Lua mailers (lua-load mailers.lua).',
  },
  { directive: 'ssl-f-use', where: 'proxy', introduced: '3.2', message: 'came in 3.2.' },
  { directive: 'http-check send', where: 'proxy', severity: 'warning', message: '' },
];

export const DIRECTIVE_RULES: ReadonlyMap<string, DirectiveRule> = new Map(
  [...OPTIONS, ...TIMEOUTS, ...REQ_RSP, ...PROXY, ...GLOBAL_RULES, ...QUIC_RULES].map((rule) => [
    `${rule.where} ${rule.directive}`,
    rule,
  ]),
);

/** What an `option httpchk` or `http-check send` line asks for, and why that is not a readiness check; null when it is. */
export function healthCheckComplaint(line: ConfigLine): { message: string; lines: string[] | null } | null {
  return valueAt(line, 0) === 'option' ? optionHttpchk(line) : httpCheckSend(line);
}

function optionHttpchk(line: ConfigLine): { message: string; lines: string[] } | null {
  const [first, second, ...version] = line.words.slice(2).map((word) => word.value);
  if (first === undefined) return null;
  const [method, uri] = second === undefined ? ['OPTIONS', first] : [first, second];
  const hidden = /\r\n?host:\s*([^\r\n\s]+)/i.exec(version.join(' '))?.[1];
  const http11 = version.join(' ').startsWith('HTTP/1.1');
  const problems: string[] = [];
  if (uri !== READINESS_PATH) problems.push(notReadiness(method ?? '', uri ?? ''));
  if (!http11) problems.push('it goes out as HTTP/1.0 without a Host header, which many servers refuse');
  if (/[\r\n]/.test(version.join(' '))) problems.push('headers hidden behind the version are deprecated since 2.2');
  else if (http11) problems.push('HTTP/1.1 demands a Host header and this form has none');
  if (problems.length === 0) return null;
  return { message: `${problems.join('; ')}. Ask for readiness instead.`, lines: readinessCheck(hidden ?? CHECK_HOST) };
}

function httpCheckSend(line: ConfigLine): { message: string; lines: string[] | null } | null {
  const after = (word: string) => valueAt(line, line.words.findIndex((w) => w.value === word) + 1 || 999);
  const uri = after('uri') || '/';
  if (uri === READINESS_PATH) return null;
  const lines = line.words.some((word) => word.value === 'hdr' || word.value === 'body')
    ? null
    : readinessCheck(CHECK_HOST).slice(1, 2);
  return { message: `${notReadiness(after('meth') || 'GET', uri)}.`, lines };
}

function notReadiness(method: string, uri: string): string {
  return `"${method} ${uri}" only proves that a process answers: a Quorate node that drains, re-syncs or has lost quorum still answers it, while ${READINESS_PATH} then says 503`;
}
