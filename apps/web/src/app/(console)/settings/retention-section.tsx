'use client';

import { type RetentionView, retentionRoutes } from '@quorate/shared/retention';
import { useQuery } from '@tanstack/react-query';
import { toast } from 'sonner';
import { TextField } from '@/components/form-fields';
import { SaveProblem } from '@/components/save-problem';
import { ErrorState } from '@/components/states';
import { Panel } from '@/components/ui/panel';
import { SkeletonRows } from '@/components/ui/skeleton';
import { WriteButton } from '@/components/write-button';
import { useBodyForm } from '@/lib/body-form';
import { formatInt } from '@/lib/format';
import { retentionQuery } from '@/lib/queries';
import { useSettingsVersion, type Versioned } from '@/lib/settings-version';
import { useWrite } from '@/lib/use-write';

/** How many events and audit records are kept. */
export function RetentionSection() {
  const { data, isPending, isError, error, refetch } = useQuery(retentionQuery);
  return (
    <Panel title="Retention">
      {isPending ? <SkeletonRows rows={2} /> : null}
      {isError && !data ? <ErrorState error={error} onRetry={() => void refetch()} /> : null}
      {data ? <RetentionForm current={data} /> : null}
    </Panel>
  );
}

const valuesOf = ({ events, audit }: RetentionView) => ({ events: String(events), audit: String(audit) });
const numberOf = (text: string): number => Number(text.replaceAll(/\s/g, '') || Number.NaN);

function RetentionForm({ current }: { current: Versioned<RetentionView> }) {
  const save = useWrite(retentionRoutes.put, {
    refresh: ['retention'],
    onSuccess: () => {
      version.loadCurrent();
      toast.success('Retention saved');
    },
  });
  const form = useBodyForm({
    schema: retentionRoutes.put.body,
    defaults: valuesOf(current.settings),
    toBody: (values) => ({ events: numberOf(values.events), audit: numberOf(values.audit) }),
    error: save.error,
  });
  const { isDirty } = form.formState;
  const version = useSettingsVersion({ form, save, query: retentionQuery, current, valuesOf });
  const submit = form.handleSubmit((body) => save.run({ body, ...version.headers() }));
  const field = (name: 'events' | 'audit', label: string) => (
    <TextField
      form={form}
      name={name}
      label={label}
      hint={`${formatInt(current.settings.stored[name])} stored now.`}
      numeric
    />
  );
  return (
    <form className="max-w-3xl space-y-4" onSubmit={submit} noValidate>
      <p className="text-ink-2">
        The newest are kept on every node. With a lower number the oldest go, some thousands with each batch of further
        writes.
      </p>
      <div className="grid gap-4 sm:grid-cols-2">
        {field('events', 'Events to keep')}
        {field('audit', 'Audit records to keep')}
      </div>
      <SaveProblem error={save.error} fields={['events', 'audit']} onLoad={version.loadCurrent} />
      <WriteButton needs="admin" variant="primary" type="submit" pending={save.pending} disabled={!isDirty}>
        Save retention
      </WriteButton>
    </form>
  );
}
