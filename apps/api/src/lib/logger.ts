import { type Logger as PinoLogger, pino } from 'pino';
import pretty from 'pino-pretty';

export type Logger = PinoLogger;

/** Names under which secrets travel; pino replaces their values wherever they stand one or two levels deep. */
const SECRET_KEYS = ['password', 'token', 'secret', 'setup_code', 'authorization', 'cookie', 'key', 'plaintext'];
const REDACT_PATHS = SECRET_KEYS.flatMap((key) => [key, `*.${key}`, `*.*.${key}`]);

/** A logger on stderr: JSON lines, or aligned text when `format` says so. Stdout stays free for data. */
export function createLogger(options: {
  level: string;
  format: 'json' | 'text';
  base?: Record<string, unknown>;
}): Logger {
  const settings = {
    level: options.level,
    base: options.base ?? null,
    redact: { paths: REDACT_PATHS, censor: '[redacted]' },
    timestamp: pino.stdTimeFunctions.isoTime,
  };
  if (options.format === 'json') return pino(settings, pino.destination({ fd: 2, sync: true }));
  return pino(
    settings,
    pretty({
      destination: 2,
      sync: true,
      colorize: process.stderr.isTTY,
      translateTime: 'HH:MM:ss.l',
      ignore: 'hostname,pid',
    }),
  );
}

export const silentLogger = (): Logger => pino({ level: 'silent' });
