/** Names that HAProxy 2.4 to 3.3 knows: enough to tell a misspelling from a directive, whatever the version. */
function words(text: string): ReadonlySet<string> {
  return new Set(text.trim().split(/\s+/));
}

/** Directives of `global`. */
export const GLOBAL_KEYWORDS: ReadonlySet<string> = words(`
  51degrees-cache-size 51degrees-data-file 51degrees-property-name-list 51degrees-property-separator acme.scheduler
  anonkey busy-polling ca-base chroot close-spread-time cluster-secret cpu-map cpu-policy cpu-set crt-base daemon
  default-path description deviceatlas-json-file deviceatlas-log-level deviceatlas-properties-cookie
  deviceatlas-separator dns-accept-family expose-deprecated-directives expose-experimental-directives external-check
  fd-hard-limit force-cfg-parser-pause gid grace group h1-accept-payload-with-any-method h1-case-adjust
  h1-case-adjust-file h1-do-not-close-on-insecure-transfer-encoding h2-workaround-bogus-websocket-clients
  hard-stop-after harden.reject-privileged-ports.quic harden.reject-privileged-ports.tcp httpclient.resolvers.id
  httpclient.resolvers.prefer httpclient.retries httpclient.ssl.ca-file httpclient.ssl.verify
  httpclient.timeout.connect insecure-fork-wanted insecure-setuid-wanted issuers-chain-path key-base limited-quic
  localpeer log log-send-hostname log-tag log-target lua-load lua-load-per-thread lua-prepend-path master-worker
  max-spread-checks maxcompcpuusage maxcomprate maxconn maxconnrate maxpipes maxsessrate maxsslconn maxsslrate
  maxzlibmem mworker-max-reloads nbthread no-memory-trimming no-quic node noepoll noevports nogetaddrinfo nokqueue
  nopoll noreuseport nosplice numa-cpu-mapping ocsp-update.disable ocsp-update.mode pidfile pp2-never-send-local
  prealloc-fd presetenv profiling.tasks quiet resetenv server-state-base server-state-file set-dumpable set-var
  set-var-fmt setenv shm-stats-file spread-checks ssl-default-bind-ciphers ssl-default-bind-ciphersuites
  ssl-default-bind-curves ssl-default-bind-options ssl-default-server-ciphers ssl-default-server-ciphersuites
  ssl-default-server-options ssl-dh-param-file ssl-engine ssl-load-extra-del-ext ssl-load-extra-files ssl-mode-async
  ssl-passphrase-cmd ssl-propquery ssl-provider ssl-provider-path ssl-security-level ssl-server-verify
  ssl-skip-self-issued-ca stats stats-file strict-limits thread-group thread-groups thread-hard-limit
  tune.applet.zero-copy-forwarding tune.buffers.limit tune.buffers.reserve tune.bufsize tune.bufsize.small
  tune.cli.max-payload-size tune.comp.maxlevel tune.disable-fast-forward tune.disable-zero-copy-forwarding
  tune.epoll.mask-events tune.events.max-events-at-once tune.fail-alloc tune.fd.edge-triggered
  tune.glitches.kill.cpu-usage tune.h1.zero-copy-fwd-recv tune.h2.be.glitches-threshold
  tune.h2.be.initial-window-size tune.h2.be.max-concurrent-streams tune.h2.fe.glitches-threshold
  tune.h2.fe.initial-window-size tune.h2.fe.max-concurrent-streams tune.h2.fe.max-total-streams
  tune.h2.header-table-size tune.h2.initial-window-size tune.h2.max-concurrent-streams tune.h2.max-frame-size
  tune.http.cookielen tune.http.logurilen tune.http.maxhdr tune.idle-pool.shared tune.idletimer
  tune.listener.multi-queue tune.lua.bool-sample-conversion tune.lua.burst-timeout tune.lua.forced-yield
  tune.lua.log.loggers tune.lua.log.stderr tune.lua.maxmem tune.lua.service-timeout tune.lua.session-timeout
  tune.lua.task-timeout tune.max-checks-per-thread tune.maxaccept tune.maxpollevents tune.maxrewrite
  tune.memory.hot-size tune.notsent-lowat.client tune.notsent-lowat.server tune.pattern.cache-size
  tune.peers.max-updates-at-once tune.pipesize tune.pool-high-fd-ratio tune.pool-low-fd-ratio
  tune.quic.frontend.conn-tx-buffers.limit tune.quic.frontend.max-idle-timeout tune.quic.frontend.max-streams-bidi
  tune.quic.listen tune.quic.retry-threshold tune.rcvbuf.backend tune.rcvbuf.client tune.rcvbuf.frontend
  tune.rcvbuf.server tune.recv_enough tune.renice.runtime tune.renice.startup tune.ring.queues tune.runqueue-depth
  tune.sched.low-latency tune.sndbuf.backend tune.sndbuf.client tune.sndbuf.frontend tune.sndbuf.server
  tune.ssl.cachesize tune.ssl.capture-buffer-size tune.ssl.capture-cipherlist-size tune.ssl.certificate-compression
  tune.ssl.default-dh-param tune.ssl.force-private-cache tune.ssl.hard-maxrecord tune.ssl.keylog tune.ssl.lifetime
  tune.ssl.maxrecord tune.ssl.ocsp-update.maxdelay tune.ssl.ocsp-update.mindelay tune.ssl.ssl-ctx-cache-size
  tune.stick-counters tune.takeover-other-tg-connections tune.vars.check-max-size tune.vars.global-max-size
  tune.vars.proc-max-size tune.vars.reqres-max-size tune.vars.sess-max-size tune.vars.txn-max-size
  tune.zlib.memlevel tune.zlib.windowsize uid ulimit-n unix-bind unsetenv user warn-blocked-traffic-after
  wurfl-cache-size wurfl-data-file wurfl-information-list wurfl-information-list-separator zero-warning
`);

/** First words in `defaults`, `frontend`, `backend` and `listen`. */
export const PROXY_KEYWORDS: ReadonlySet<string> = words(`
  acl backlog balance bind bind-process capture clitcpka-cnt clitcpka-idle clitcpka-intvl compression cookie declare
  default-server default_backend description disabled dispatch dynamic-cookie-key email-alert enabled
  error-log-format errorfile errorfiles errorloc errorloc302 errorloc303 external-check filter force-be-switch
  force-persist fullconn guid hash-balance-factor hash-preserve-affinity hash-type http-after-response http-check
  http-error http-request http-response http-reuse http-send-name-header id ignore-persist
  load-server-state-from-file log log-format log-format-sd log-steps log-tag max-keep-alive-queue
  max-session-srv-conns maxconn mode monitor monitor-uri option persist quic-initial rate-limit redirect retries
  retry-on server server-state-file-name server-template source srvtcpka-cnt srvtcpka-idle srvtcpka-intvl ssl-f-use
  stats stick stick-table tcp-check tcp-request tcp-response timeout transparent unique-id-format unique-id-header
  use-fcgi-app use-server use_backend
`);

/** Second words after `option`. */
export const OPTIONS: ReadonlySet<string> = words(`
  abortonclose accept-invalid-http-request accept-invalid-http-response accept-unsafe-violations-in-http-request
  accept-unsafe-violations-in-http-response allbackups assume-rfc6587-ntf checkcache clitcpka contstats
  disable-h2-upgrade dontlog-normal dontlognull external-check forwarded forwardfor h1-case-adjust-bogus-client
  h1-case-adjust-bogus-server http-buffer-request http-drop-request-trailers http-drop-response-trailers
  http-ignore-probes http-keep-alive http-no-delay http-pretend-keepalive http-restrict-req-hdr-names
  http-server-close http-use-proxy-header httpchk httpclose httplog httpslog idle-close-on-response
  independent-streams ldap-check log-health-checks log-separate-errors logasap mysql-check nolinger originalto
  persist pgsql-check prefer-last-server redis-check redispatch smtpchk socket-stats splice-auto splice-request
  splice-response spop-check srvtcpka ssl-hello-chk tcp-check tcp-smart-accept tcp-smart-connect tcpka tcplog
  transparent use-small-buffers
`);

/** Second words after `timeout`. */
export const TIMEOUTS: ReadonlySet<string> = words(`
  check client client-fin client-hs connect http-keep-alive http-request queue server server-fin tarpit tunnel
`);

/** Second words after `http-check`. */
export const HTTP_CHECKS: ReadonlySet<string> = words(`
  comment connect disable-on-404 expect send send-state set-var unset-var
`);

/** Actions of `http-request`, `http-response` and `http-after-response`, up to any parenthesis. */
export const HTTP_ACTIONS: ReadonlySet<string> = words(`
  add-acl add-header add-headers-bin allow auth cache-store cache-use capture del-acl del-header del-headers-bin
  del-map deny disable-l7-retry do-log do-resolve early-hint normalize-uri ot-group pause redirect reject
  replace-header replace-path replace-pathq replace-uri replace-value return sc-add-gpc sc-inc-gpc sc-inc-gpc0
  sc-inc-gpc1 sc-set-gpt sc-set-gpt0 send-spoe-group set-bandwidth-limit set-bc-mark set-bc-tos set-dst set-dst-port
  set-fc-mark set-fc-tos set-header set-headers-bin set-log-level set-map set-mark set-method set-nice set-path
  set-pathq set-priority-class set-priority-offset set-query set-retries set-src set-src-port set-status set-timeout
  set-tos set-uri set-var set-var-fmt silent-drop strict-mode tarpit track-sc0 track-sc1 track-sc2 unset-var
  use-service wait-for-body wait-for-handshake
`);

/** Section keywords and the versions between which they exist. */
export const SECTIONS: ReadonlyMap<
  string,
  { introduced?: string; deprecated?: string; removed?: string; hint?: string }
> = new Map([
  ['global', {}],
  ['defaults', {}],
  ['frontend', {}],
  ['backend', {}],
  ['listen', {}],
  ['peers', {}],
  ['resolvers', {}],
  ['userlist', {}],
  ['cache', {}],
  ['fcgi-app', {}],
  ['http-errors', {}],
  ['ring', {}],
  ['log-forward', {}],
  [
    'mailers',
    {
      deprecated: '3.1',
      hint: 'the built-in mailer is deprecated since 3.1; 3.3 needs the Lua mailers (lua-load mailers.lua)',
    },
  ],
  ['program', { deprecated: '3.1', removed: '3.3', hint: 'let systemd or another process manager run the program' }],
  ['crt-store', { introduced: '3.0' }],
  ['traces', { introduced: '3.1' }],
  ['log-profile', { introduced: '3.1' }],
  ['acme', { introduced: '3.2' }],
]);

const MAX_DISTANCE = 4;

/** The known name nearest to a misspelt one by edit distance, or null when nothing is near. */
export function nearest(word: string, known: Iterable<string>): string | null {
  const limit = Math.min(MAX_DISTANCE, Math.max(1, Math.floor(word.length / 3)));
  let best: string | null = null;
  let bestDistance = limit + 1;
  for (const candidate of known) {
    if (Math.abs(candidate.length - word.length) >= bestDistance) continue;
    const distance = editDistance(word, candidate);
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const swap = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(swap, (previous[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1));
    }
    previous = row;
  }
  return previous[b.length] ?? 0;
}
