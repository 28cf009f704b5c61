import type { ExecSpec, Job } from '@quorate/shared/jobs';
import type { FieldOf } from '../../../lib/errors';
import { lineWithoutValue, listToText, mapToText, textToList, textToMap } from '../../../lib/lines';

export interface SubmitValues {
  command: string;
  args: string;
  env: string;
  stdin: string;
  labels: string;
  timeout_seconds: string;
  priority: string;
  max_attempts: string;
  backoff_seconds: string;
}
export const SUBMIT_FIELDS: readonly (keyof SubmitValues)[] = [
  'command',
  'args',
  'env',
  'stdin',
  'labels',
  'timeout_seconds',
  'priority',
  'max_attempts',
  'backoff_seconds',
];

export const SUBMIT_DEFAULTS: SubmitValues = {
  command: '',
  args: '',
  env: '',
  stdin: '',
  labels: '',
  timeout_seconds: '600',
  priority: '0',
  max_attempts: '1',
  backoff_seconds: '5',
};

/** An empty number is a mistake of its own, not a zero. */
const numberOf = (text: string): number => (text.trim() === '' ? Number.NaN : Number(text));

export const specOf = (values: SubmitValues): unknown => ({
  kind: 'exec',
  command: values.command.trim(),
  args: textToList(values.args),
  env: textToMap(values.env),
  stdin: values.stdin,
  timeout_seconds: numberOf(values.timeout_seconds),
  labels: textToMap(values.labels),
});

export const submitBody = (values: SubmitValues): unknown => ({
  spec: specOf(values),
  priority: numberOf(values.priority),
  retry: { max_attempts: numberOf(values.max_attempts), backoff_seconds: numberOf(values.backoff_seconds) },
});

/** `/spec/args/0` → `args`, `/retry/max_attempts` → `max_attempts`, `/priority` → `priority`. */
export const submitField: FieldOf = ([first = '', second]) =>
  (first === 'spec' || first === 'retry') && second !== undefined ? second : first;

export function refuseText(values: Pick<SubmitValues, 'env' | 'labels'>): Record<string, string> {
  const env = lineWithoutValue(values.env, 'LOG_LEVEL=info');
  const labels = lineWithoutValue(values.labels, 'zone=a');
  return { ...(env ? { env } : {}), ...(labels ? { labels } : {}) };
}

/** The form filled in with what a job was; only programs are submitted by it. */
export const valuesOfJob = ({ spec, priority, retry }: Pick<Job, 'spec' | 'priority' | 'retry'>): SubmitValues => ({
  ...SUBMIT_DEFAULTS,
  ...(spec.kind === 'exec' ? valuesOfProgram(spec) : {}),
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
