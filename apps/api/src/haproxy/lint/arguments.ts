import type { HaproxyFinding } from '@quorate/shared/haproxy';

/** One argument of a `bind` or `server` line that changed. */
export interface ArgumentRule {
  readonly directives: readonly string[];
  readonly argument: string;
  /** Arguments that follow and belong to it. */
  readonly values: number;
  readonly removed?: string;
  readonly deprecated?: string;
  readonly introduced?: string;
  readonly severity?: HaproxyFinding['severity'];
  readonly message: string;
  /** The argument to write instead (keeps its values), '' = drop it with its values, undefined = nothing mechanical. */
  readonly instead?: string;
}

const SERVER = ['server', 'default-server', 'server-template'];

export const ARGUMENT_RULES: readonly ArgumentRule[] = [
  {
    directives: ['bind', 'stats'],
    argument: 'process',
    values: 1,
    deprecated: '2.5',
    removed: '2.7',
    message:
      '"process" is deprecated since 2.5 and was removed in 2.7: threads share the listener ("thread" selects some)',
    instead: '',
  },
  {
    directives: ['bind', ...SERVER],
    argument: 'npn',
    values: 1,
    severity: 'warning',
    message: '"npn" is the draft that ALPN replaced; browsers have dropped it',
    instead: 'alpn',
  },
  {
    directives: ['bind', ...SERVER],
    argument: 'force-sslv3',
    values: 0,
    severity: 'warning',
    message: 'SSLv3 is broken and OpenSSL no longer offers it',
    instead: '',
  },
  {
    directives: ['bind', ...SERVER],
    argument: 'no-sslv3',
    values: 0,
    severity: 'advice',
    message: 'SSLv3 is gone anyway; "ssl-min-ver TLSv1.2" says what is meant',
    instead: 'ssl-min-ver TLSv1.2',
  },
  ...['init-state', 'guid', 'idle-ping', 'sni-auto', 'no-sni-auto', 'check-sni-auto', 'no-check-sni-auto'].map(
    (argument): ArgumentRule => {
      const introduced = { 'init-state': '3.1', guid: '3.0', 'idle-ping': '3.2' }[argument] ?? '3.3';
      return {
        directives: SERVER,
        argument,
        values: argument.includes('sni') ? 0 : 1,
        introduced,
        message: `"${argument}" came in ${introduced}`,
        instead: '',
      };
    },
  ),
];

/** Old names of sample fetches that still work but left the manual, or will. */
export const FETCH_ALIASES: ReadonlyMap<string, string> = new Map([
  ['req_ssl_sni', 'req.ssl_sni'],
  ['req_ssl_hello_type', 'req.ssl_hello_type'],
  ['req_ssl_ver', 'req.ssl_ver'],
  ['rep_ssl_hello_type', 'res.ssl_hello_type'],
  ['req_len', 'req.len'],
  ['req_proto_http', 'req.proto_http'],
  ['req_ver', 'req.ver'],
  ['resp_ver', 'res.ver'],
]);
