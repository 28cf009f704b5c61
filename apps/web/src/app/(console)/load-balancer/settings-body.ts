import type { HaproxySettings } from '@quorate/shared/haproxy';

/** The settings as the inputs hold them: text, with empty for "none". Published services have a form of their own. */
export type SettingsValues = { [Field in Exclude<keyof HaproxySettings, 'services'>]: string };

const NUMBERS: ReadonlySet<string> = new Set([
  'check_interval_ms',
  'check_rise',
  'check_fall',
  'stream_timeout_seconds',
  'max_connections',
]);
const NULLABLE: ReadonlySet<string> = new Set([
  'certificate_path',
  'redirect_http_bind',
  'stats_bind',
  'prometheus_bind',
  'run_as',
  'runtime_socket',
]);

export const settingsValues = ({ services: _, ...settings }: HaproxySettings): SettingsValues =>
  Object.fromEntries(
    Object.entries(settings).map(([field, value]) => [field, value === null ? '' : String(value)]),
  ) as SettingsValues;

/** From text to the body of the PUT. A number left empty stays invalid, so that it is asked for. */
export function settingsBody(values: SettingsValues): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(values).map(([field, text]) => {
      const value = text.trim();
      if (NUMBERS.has(field)) return [field, value === '' ? Number.NaN : Number(value)];
      return [field, value === '' && NULLABLE.has(field) ? null : value];
    }),
  );
}
