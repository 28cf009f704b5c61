import { type DestinationStream, type Logger as PinoLogger, pino } from 'pino';
import pretty from 'pino-pretty';
import type { LogRing } from './log-ring';

export type Logger = PinoLogger;

/** Names under which secrets travel; pino replaces their values wherever they stand one or two levels deep. */
const SECRET_KEYS = ['password', 'token', 'secret', 'setup_code', 'authorization', 'cookie', 'key', 'plaintext'];
const REDACT_PATHS = SECRET_KEYS.flatMap((key) => [key, `*.${key}`, `*.*.${key}`]);

/** A logger on stderr: JSON lines, or aligned text when `format` says so. Stdout stays free for data. */
export function createLogger(options: {
  level: string;
  format: 'json' | 'text';
  base?: Record<string, unknown>;
  /** Keeps the last lines, as JSON in either format. */
  ring?: LogRing;
}): Logger {
  const settings = {
    level: options.level,
    base: options.base ?? null,
    redact: { paths: REDACT_PATHS, censor: '[redacted]' },
    timestamp: pino.stdTimeFunctions.isoTime,
  };
  const out = outputOf(options.format);
  if (!options.ring) return pino(settings, out);
  // The logger's own level decides; the streams take whatever passes it.
  const level = 'trace' as const;
  return pino(
    settings,
    pino.multistream([
      { level, stream: out },
      { level, stream: options.ring.stream },
    ]),
  );
}

function outputOf(format: 'json' | 'text'): DestinationStream {
  if (format === 'json') return pino.destination({ fd: 2, sync: true });
  return pretty({
    destination: 2,
    sync: true,
    colorize: process.stderr.isTTY,
    translateTime: 'HH:MM:ss.l',
    ignore: 'hostname,pid',
  });
}

export const silentLogger = (): Logger => pino({ level: 'silent' });
