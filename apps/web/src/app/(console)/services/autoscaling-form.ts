import type { Service } from '@quorate/shared/services';
import { mapToText, textToMap } from '../../../lib/lines';

export interface AutoscalingValues {
  enabled: boolean;
  min: string;
  max: string;
  metric: 'cpu' | 'queue';
  target_cpu_percent: string;
  target_queue_length: string;
  queue_labels: string;
  stabilization_seconds: string;
}
export const AUTOSCALING_FIELDS: readonly (keyof AutoscalingValues)[] = [
  'min',
  'max',
  'target_cpu_percent',
  'target_queue_length',
  'queue_labels',
  'stabilization_seconds',
];

const text = (value: number | undefined, otherwise: number): string => String(value ?? otherwise);
/** What is left empty is not sent: the contract says what it asks for. */
const given = (value: string): number | undefined => (value.trim() === '' ? undefined : Number(value));

/** From what the inputs hold; one target alone is sent. */
export function autoscalingBody(values: AutoscalingValues): unknown {
  if (!values.enabled) return { enabled: false };
  const target =
    values.metric === 'cpu'
      ? { target_cpu_percent: given(values.target_cpu_percent) }
      : { target_queue_length: given(values.target_queue_length), queue_labels: textToMap(values.queue_labels) };
  return {
    enabled: true,
    min: given(values.min),
    max: given(values.max),
    ...target,
    stabilization_seconds: given(values.stabilization_seconds),
  };
}

/** What is set, or what somebody may begin with. */
export function autoscalingValues({ autoscaling, replicas }: Service): AutoscalingValues {
  return {
    enabled: autoscaling?.enabled ?? false,
    min: text(autoscaling?.min, 1),
    max: text(autoscaling?.max, Math.max(10, replicas.desired)),
    metric: autoscaling?.target_queue_length === undefined ? 'cpu' : 'queue',
    target_cpu_percent: text(autoscaling?.target_cpu_percent, 60),
    target_queue_length: text(autoscaling?.target_queue_length, 10),
    queue_labels: mapToText(autoscaling?.queue_labels ?? {}),
    stabilization_seconds: text(autoscaling?.stabilization_seconds, 60),
  };
}
