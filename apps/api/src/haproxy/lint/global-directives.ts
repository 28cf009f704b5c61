import { type DirectiveRule, drop, rename } from './directive-rule';

/** Rules of the global section. */
export const GLOBAL_RULES: readonly DirectiveRule[] = [
  {
    directive: 'nbproc',
    where: 'global',
    deprecated: '2.3',
    removed: '2.5',
    message: 'was removed in 2.5: one process with a thread for each processor replaces it. Drop the line.',
    replace: drop,
  },
  {
    directive: 'stats bind-process',
    where: 'global',
    deprecated: '2.5',
    removed: '2.7',
    message: 'lost its effect with nbproc in 2.5. Drop the line.',
    replace: drop,
  },
  {
    directive: 'debug',
    where: 'global',
    deprecated: '2.2',
    removed: '2.3',
    message: 'was removed in 2.3; start HAProxy with -d instead. Drop the line.',
    replace: drop,
  },
  {
    directive: 'tune.chksize',
    where: 'global',
    deprecated: '2.4',
    removed: '2.5',
    message: 'was removed in 2.5; checks use tune.bufsize. Drop the line.',
    replace: drop,
  },
  {
    directive: 'tune.ssl.capture-cipherlist-size',
    where: 'global',
    deprecated: '2.6',
    message: 'is deprecated since 2.6; it is tune.ssl.capture-buffer-size now.',
    replace: rename('tune.ssl.capture-buffer-size', 1),
  },
  {
    directive: 'ssl-engine',
    where: 'global',
    deprecated: '2.6',
    message:
      'OpenSSL 3 replaced engines by providers, and packages no longer build them in: use ssl-provider, or drop the line.',
    replace: drop,
  },
  {
    directive: 'ssl-mode-async',
    where: 'global',
    deprecated: '2.6',
    message: 'works with engines only, which packages no longer build in. Drop the line.',
    replace: drop,
  },
  {
    directive: 'master-worker',
    where: 'global',
    deprecated: '3.3',
    message: 'is deprecated since 3.3; start HAProxy with -W, or -Ws under systemd (packages do). Drop the line.',
    replace: drop,
  },
  {
    directive: 'ulimit-n',
    where: 'global',
    severity: 'advice',
    message: 'HAProxy computes the limit from maxconn; a fixed one is often too low. Drop the line.',
    replace: drop,
  },
  {
    directive: 'no-quic',
    where: 'global',
    deprecated: '3.3',
    message: 'is deprecated since 3.3; write "tune.quic.listen off".',
    replace: () => ['tune.quic.listen off'],
  },
  {
    directive: 'expose-deprecated-directives',
    where: 'global',
    introduced: '3.1',
    severity: 'advice',
    message: 'only silences the warnings (3.1 and later): what they name will be removed.',
  },
];

/** QUIC's front end settings got new names. */
export const QUIC_RULES: readonly DirectiveRule[] = [
  'conn-tx-buffers.limit',
  'max-idle-timeout',
  'max-streams-bidi',
  'glitches-threshold',
  'max-data-size',
  'max-tx-mem',
  'default-max-window-size',
].map((name) => ({
  directive: `tune.quic.frontend.${name}`,
  where: 'global',
  deprecated: '3.3',
  message: `is deprecated since 3.3; the frontend settings begin with tune.quic.fe. now.`,
}));
