import { LOCAL_TARGET } from '@quorate/shared/backups';
import type { ExecSpec, Job, JobSpec } from '@quorate/shared/jobs';
import type { FieldOf } from '../../../lib/errors';
import { lineWithoutValue, listToText, mapToText, textToList, textToMap } from '../../../lib/lines';

export interface SubmitValues {
  kind: JobSpec['kind'];
  command: string;
  args: string;
  env: string;
  stdin: string;
  labels: string;
  timeout_seconds: string;
  target: string;
  node_id: string;
  note: string;
  services: string;
  priority: string;
  max_attempts: string;
  backoff_seconds: string;
}

export const SUBMIT_DEFAULTS: SubmitValues = {
  kind: 'exec',
  command: '',
  args: '',
  env: '',
  stdin: '',
  labels: '',
  timeout_seconds: '600',
  target: LOCAL_TARGET,
  node_id: '',
  note: '',
  services: '',
  priority: '0',
  max_attempts: '1',
  backoff_seconds: '5',
};
export const SUBMIT_FIELDS = Object.keys(SUBMIT_DEFAULTS) as (keyof SubmitValues)[];

/** An empty number is a mistake of its own, not a zero. */
const numberOf = (text: string): number => (text.trim() === '' ? Number.NaN : Number(text));
const namesOf = (text: string): string[] => text.split(/[\s,]+/).filter(Boolean);

const SPEC: Record<JobSpec['kind'], (values: SubmitValues) => object> = {
  exec: (values) => ({
    command: values.command.trim(),
    args: textToList(values.args),
    env: textToMap(values.env),
    stdin: values.stdin,
    timeout_seconds: numberOf(values.timeout_seconds),
    labels: textToMap(values.labels),
  }),
  backup: ({ target, note, node_id: node }) => ({ target, note, node_id: node === '' ? null : Number(node) }),
  'service.restart': ({ services }) => ({ services: namesOf(services) }),
};

export const submitBody = (values: SubmitValues): object => ({
  spec: { kind: values.kind, ...SPEC[values.kind](values) },
  priority: numberOf(values.priority),
  retry: { max_attempts: numberOf(values.max_attempts), backoff_seconds: numberOf(values.backoff_seconds) },
});

/** `/spec/args/0` → `args`, `/retry/max_attempts` → `max_attempts`, `/priority` → `priority`. */
export const submitField: FieldOf = ([first = '', second]) =>
  (first === 'spec' || first === 'retry') && second !== undefined ? second : first;

export function refuseText({ kind, ...values }: Pick<SubmitValues, 'kind' | 'env' | 'labels'>): Record<string, string> {
  if (kind !== 'exec') return {};
  const env = lineWithoutValue(values.env, 'LOG_LEVEL=info');
  const labels = lineWithoutValue(values.labels, 'zone=a');
  return { ...(env ? { env } : {}), ...(labels ? { labels } : {}) };
}

/** The form filled in with what a job was. */
export const valuesOfJob = ({ spec, priority, retry }: Pick<Job, 'spec' | 'priority' | 'retry'>): SubmitValues => ({
  ...SUBMIT_DEFAULTS,
  kind: spec.kind,
  ...(spec.kind === 'exec' ? valuesOfProgram(spec) : {}),
  ...(spec.kind === 'backup'
    ? { target: spec.target, note: spec.note, node_id: spec.node_id === null ? '' : String(spec.node_id) }
    : {}),
  ...(spec.kind === 'service.restart' ? { services: spec.services.join(' ') } : {}),
  priority: String(priority),
  max_attempts: String(retry.max_attempts),
  backoff_seconds: String(retry.backoff_seconds),
});

const valuesOfProgram = (spec: ExecSpec) => ({
  command: spec.command,
  args: listToText(spec.args),
  env: mapToText(spec.env),
  stdin: spec.stdin,
  labels: mapToText(spec.labels),
  timeout_seconds: String(spec.timeout_seconds),
});
