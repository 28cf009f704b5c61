import type { Service, ServiceSpec } from '@quorate/shared/services';
import type { UseFormReturn } from 'react-hook-form';
import type { FieldOf } from '../../../lib/errors';
import { lineWithoutValue, listToText, mapToText, textToList, textToMap } from '../../../lib/lines';
import { specOfText, unreadable } from './spec-text';

export interface SpecValues {
  name: string;
  replicas: string;
  system: boolean;
  /** The specification as text, in place of all that follows; null while that is shown. */
  text: string | null;
  command: string;
  args: string;
  env: string;
  labels: string;
  ports: string;
  publish: string;
  stop_grace_seconds: string;
  max_unavailable: string;
  health: ServiceSpec['health']['type'];
  health_port: string;
  health_path: string;
  health_command: string;
  health_args: string;
  health_interval_seconds: string;
  health_timeout_seconds: string;
  health_healthy_after: string;
  health_unhealthy_after: string;
  health_start_seconds: string;
}

// biome-ignore lint/suspicious/noExplicitAny: the body that the form makes is none of the fields' business
export type SpecFormApi = UseFormReturn<SpecValues, unknown, any>;

export const SPEC_DEFAULTS: SpecValues = {
  name: '',
  replicas: '1',
  system: false,
  text: null,
  command: '',
  args: '',
  env: '',
  labels: '',
  ports: '',
  publish: '',
  stop_grace_seconds: '10',
  max_unavailable: '1',
  health: 'none',
  health_port: '',
  health_path: '/',
  health_command: '',
  health_args: '',
  health_interval_seconds: '5',
  health_timeout_seconds: '2',
  health_healthy_after: '1',
  health_unhealthy_after: '3',
  health_start_seconds: '30',
};
export const SPEC_FIELDS = Object.keys(SPEC_DEFAULTS) as (keyof SpecValues)[];

const numberOf = (text: string): number => (text.trim() === '' ? Number.NaN : Number(text));
const portsOf = (text: string): string[] => text.split(/[\s,]+/).filter(Boolean);

const probeOf = (values: SpecValues) => ({
  interval_seconds: numberOf(values.health_interval_seconds),
  timeout_seconds: numberOf(values.health_timeout_seconds),
  healthy_after: numberOf(values.health_healthy_after),
  unhealthy_after: numberOf(values.health_unhealthy_after),
  start_seconds: numberOf(values.health_start_seconds),
});

const HEALTH: Record<SpecValues['health'], (values: SpecValues) => unknown> = {
  none: () => ({ type: 'none' }),
  tcp: (values) => ({ type: 'tcp', port: values.health_port.trim(), ...probeOf(values) }),
  http: (values) => ({
    type: 'http',
    port: values.health_port.trim(),
    path: values.health_path.trim(),
    ...probeOf(values),
  }),
  exec: (values) => ({
    type: 'exec',
    command: values.health_command.trim(),
    args: textToList(values.health_args),
    ...probeOf(values),
  }),
};

/** What the form says the specification is, unchecked. */
export const specOf = (values: SpecValues): unknown =>
  values.text === null ? specOfFields(values) : specOfText(values.text);

const specOfFields = (values: SpecValues) => ({
  command: values.command.trim(),
  args: textToList(values.args),
  env: textToMap(values.env),
  labels: textToMap(values.labels),
  ports: portsOf(values.ports),
  publish: values.publish.trim(),
  stop_grace_seconds: numberOf(values.stop_grace_seconds),
  max_unavailable: numberOf(values.max_unavailable),
  health: HEALTH[values.health](values),
});

export const createBody = (values: SpecValues): unknown => ({
  name: values.name.trim(),
  replicas: numberOf(values.replicas),
  system: values.system,
  spec: specOf(values),
});
export const updateBody = (values: SpecValues): unknown => ({ spec: specOf(values), system: values.system });

/** `/spec/args/0` → `args`, `/spec/health/port` → `health_port`, `/spec/health` → `health`, `/name` → `name`. */
export const specField: FieldOf = ([first = '', second, third]) => {
  if (first !== 'spec' || second === undefined) return first;
  return second === 'health' && third !== undefined && third !== 'type' ? `health_${third}` : second;
};

export function refuseSpecText(values: SpecValues): Record<string, string> {
  if (values.text !== null) return unreadable(values.text).length > 0 ? { text: 'cannot be read' } : {};
  const env = lineWithoutValue(values.env, 'LOG_LEVEL=info');
  const labels = lineWithoutValue(values.labels, 'zone=a');
  return { ...(env ? { env } : {}), ...(labels ? { labels } : {}) };
}

function healthValues(health: ServiceSpec['health']): Partial<SpecValues> {
  if (health.type === 'none') return { health: 'none' };
  return {
    health: health.type,
    health_port: 'port' in health ? health.port : '',
    health_path: health.type === 'http' ? health.path : SPEC_DEFAULTS.health_path,
    health_command: health.type === 'exec' ? health.command : '',
    health_args: health.type === 'exec' ? listToText(health.args) : '',
    health_interval_seconds: String(health.interval_seconds),
    health_timeout_seconds: String(health.timeout_seconds),
    health_healthy_after: String(health.healthy_after),
    health_unhealthy_after: String(health.unhealthy_after),
    health_start_seconds: String(health.start_seconds),
  };
}

/** The fields, filled in with a specification. */
export const valuesOfSpec = (spec: ServiceSpec) => ({
  command: spec.command,
  args: listToText(spec.args),
  env: mapToText(spec.env),
  labels: mapToText(spec.labels),
  ports: spec.ports.join(' '),
  publish: spec.publish,
  stop_grace_seconds: String(spec.stop_grace_seconds),
  max_unavailable: String(spec.max_unavailable),
  ...healthValues(spec.health),
});

/** The form filled in with what a service is. */
export const valuesOfService = ({ name, spec, system, replicas }: Service): SpecValues => ({
  ...SPEC_DEFAULTS,
  name,
  system,
  replicas: String(replicas.desired),
  ...valuesOfSpec(spec),
});
