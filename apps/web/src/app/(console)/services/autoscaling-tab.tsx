'use client';

import { type Service, serviceRoutes } from '@quorate/shared/services';
import { toast } from 'sonner';
import { SelectField, TextField } from '@/components/form-fields';
import { ProblemNotice } from '@/components/problem-notice';
import { Panel } from '@/components/ui/panel';
import { Switch } from '@/components/ui/switch';
import { WriteButton } from '@/components/write-button';
import { useBodyForm } from '@/lib/body-form';
import { lineWithoutValue } from '@/lib/lines';
import { useWrite } from '@/lib/use-write';
import { AUTOSCALING_FIELDS, type AutoscalingValues, autoscalingBody, autoscalingValues } from './autoscaling-form';
import { DecisionsPanel } from './decisions-panel';

const METRICS = [
  { value: 'cpu', label: 'CPU of its replicas' },
  { value: 'queue', label: 'Queued jobs' },
] as const;

export function AutoscalingTab({ service }: { service: Service }) {
  return (
    <div className="grid gap-4 xl:grid-cols-[minmax(0,1fr)_22rem] xl:items-start">
      <div className="min-w-0 space-y-4 max-xl:order-2">
        <DecisionsPanel service={service} />
      </div>
      <Panel title="Settings">
        <AutoscalingForm key={JSON.stringify(service.autoscaling)} service={service} />
      </Panel>
    </div>
  );
}

function AutoscalingForm({ service }: { service: Service }) {
  const { name } = service;
  const save = useWrite(serviceRoutes.autoscaling, {
    refresh: ['services'],
    onSuccess: ({ autoscaling }) =>
      toast.success(autoscaling?.enabled ? `${name} scales itself now` : `${name} is scaled by hand now`),
  });
  const form = useBodyForm({
    schema: serviceRoutes.autoscaling.body,
    defaults: autoscalingValues(service),
    toBody: (values: AutoscalingValues) => autoscalingBody(values),
    error: save.error,
    refuse: ({ queue_labels }): Record<string, string> => {
      const problem = lineWithoutValue(queue_labels, 'queue=mail');
      return problem ? { queue_labels: problem } : {};
    },
  });
  const { isDirty } = form.formState;
  const on = form.watch('enabled');
  const metric = form.watch('metric');
  const number = (field: keyof AutoscalingValues & string, label: string, hint?: string) => (
    <TextField form={form} name={field} label={label} hint={hint} numeric />
  );
  return (
    <form className="space-y-4" noValidate onSubmit={form.handleSubmit((body) => save.run({ params: { name }, body }))}>
      <Switch
        checked={on}
        onCheckedChange={(next) => form.setValue('enabled', next, { shouldDirty: true })}
        label="Let the load decide"
        hint="While it is on, the service cannot be scaled by hand."
      />
      {on ? (
        <>
          <div className="grid grid-cols-2 gap-4">
            {number('min', 'At least')}
            {number('max', 'At most')}
          </div>
          <SelectField form={form} name="metric" label="By" options={METRICS} />
          {metric === 'cpu' ? (
            number('target_cpu_percent', 'Target (% CPU)', 'Mean of the replicas; 100 is one processor.')
          ) : (
            <>
              {number('target_queue_length', 'Target (jobs a replica)', 'Queued jobs, divided by the replicas.')}
              <TextField
                form={form}
                name="queue_labels"
                label="Jobs that count"
                optional
                hint="Those that ask for all of these labels, one key=value a line. Empty: all queued jobs."
                rows={2}
              />
            </>
          )}
          {number(
            'stabilization_seconds',
            'Wait before fewer (s)',
            'Replicas are taken away only when the load asked for no more during all of this time.',
          )}
        </>
      ) : null}
      <ProblemNotice error={save.error} fields={AUTOSCALING_FIELDS} />
      <div className="flex justify-end">
        <WriteButton needs="operator" variant="primary" type="submit" pending={save.pending} disabled={!isDirty}>
          Save
        </WriteButton>
      </div>
    </form>
  );
}
