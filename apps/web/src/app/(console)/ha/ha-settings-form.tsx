'use client';

import { type HaMode, haRoutes } from '@quorate/shared/ha';
import { toast } from 'sonner';
import { TextField } from '@/components/form-fields';
import { SaveProblem } from '@/components/save-problem';
import { Button } from '@/components/ui/button';
import { Switch } from '@/components/ui/switch';
import { WriteButton } from '@/components/write-button';
import { useWriteBlock } from '@/lib/access';
import { useBodyForm } from '@/lib/body-form';
import { haQuery } from '@/lib/queries';
import { useSettingsVersion, type Versioned } from '@/lib/settings-version';
import { useWrite } from '@/lib/use-write';

interface Values {
  enabled: boolean;
  system_replicas: string;
  failover_seconds: string;
}

const valuesOf = ({ enabled, system_replicas, failover_seconds }: HaMode): Values => ({
  enabled,
  system_replicas: String(system_replicas),
  failover_seconds: String(failover_seconds),
});
const numberOf = (text: string): number => (text.trim() === '' ? Number.NaN : Number(text));

export function HaSettingsForm({ current }: { current: Versioned<HaMode> }) {
  const block = useWriteBlock('admin');
  const save = useWrite(haRoutes.put, {
    refresh: ['ha', 'services'],
    onSuccess: ({ enabled }) => {
      version.loadCurrent();
      toast.success(enabled ? 'HA mode is on' : 'HA mode is off');
    },
  });
  const form = useBodyForm({
    schema: haRoutes.put.body,
    defaults: valuesOf(current.settings),
    toBody: (values: Values) => ({
      enabled: values.enabled,
      system_replicas: numberOf(values.system_replicas),
      failover_seconds: numberOf(values.failover_seconds),
    }),
    error: save.error,
  });
  const { isDirty } = form.formState;
  const version = useSettingsVersion({ form, save, query: haQuery, current, valuesOf });
  const { enabled, nodes, nodes_needed: needed } = current.settings;
  const tooFew = !enabled && nodes < needed;
  const number = (name: 'system_replicas' | 'failover_seconds', label: string, hint: string) => (
    <TextField form={form} name={name} label={label} hint={hint} numeric />
  );
  return (
    <form
      className="space-y-4"
      noValidate
      onSubmit={form.handleSubmit((body) => save.run({ body, ...version.headers() }))}
    >
      <Switch
        checked={form.watch('enabled')}
        onCheckedChange={(on) => form.setValue('enabled', on, { shouldDirty: true })}
        label="HA mode"
        disabled={tooFew || block !== null}
        hint={tooFew ? `Cannot be switched on: ${nodes} of the ${needed} voting nodes that it needs.` : (block ?? '')}
      />
      {number('system_replicas', 'Replicas of system services', `At least ${needed}, each on a node of its own.`)}
      {number('failover_seconds', 'Move replicas after (s)', '10 to 300, from when their runner was found offline.')}
      <SaveProblem
        error={save.error}
        fields={['enabled', 'system_replicas', 'failover_seconds']}
        onLoad={version.loadCurrent}
      />
      <div className="flex justify-end gap-2">
        {isDirty ? <Button onClick={() => form.reset(valuesOf(current.settings))}>Discard</Button> : null}
        <WriteButton needs="admin" variant="primary" type="submit" pending={save.pending} disabled={!isDirty}>
          Save
        </WriteButton>
      </div>
    </form>
  );
}
