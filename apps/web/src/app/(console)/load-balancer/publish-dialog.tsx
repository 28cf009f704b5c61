'use client';

import { type HaproxySettings, haproxyRoutes } from '@quorate/shared/haproxy';
import { toast } from 'sonner';
import { FormDialog } from '@/components/form-dialog';
import { SelectField, TextField } from '@/components/form-fields';
import { SaveProblem } from '@/components/save-problem';
import { useBodyForm } from '@/lib/body-form';
import { haproxySettingsQuery } from '@/lib/queries';
import { useSettingsVersion, type Versioned } from '@/lib/settings-version';
import { useWrite } from '@/lib/use-write';

interface Values {
  service: string;
  bind: string;
  mode: string;
  balance: string;
  certificate_path: string;
}
const EMPTY: Values = { service: '', bind: '', mode: 'http', balance: 'leastconn', certificate_path: '' };

const MODES = [
  { value: 'http', label: 'HTTP' },
  { value: 'tcp', label: 'TCP, whatever it carries' },
] as const;
const BALANCE = [
  { value: 'leastconn', label: 'Least connections' },
  { value: 'roundrobin', label: 'Round robin' },
  { value: 'source', label: 'By source address' },
  { value: 'random', label: 'Random' },
] as const;

/** Its fields are those of the last entry of `services`. */
const fieldOf = (path: readonly string[]): string =>
  path[0] === 'services' ? (path[2] ?? 'service') : (path[0] ?? '');

export function PublishDialog({ current, onClose }: { current: Versioned<HaproxySettings>; onClose: () => void }) {
  const save = useWrite(haproxyRoutes.putSettings, {
    refresh: ['haproxy'],
    onSuccess: () => {
      toast.success('The service is published', { description: 'The configuration is made anew.' });
      onClose();
    },
  });
  const form = useBodyForm({
    schema: haproxyRoutes.putSettings.body,
    defaults: EMPTY,
    toBody: (values: Values) => {
      const certificate_path = values.certificate_path.trim() || null;
      const publication = { ...values, service: values.service.trim(), bind: values.bind.trim(), certificate_path };
      return { ...current.settings, services: [...current.settings.services, publication] };
    },
    error: save.error,
    fieldOf,
  });
  const version = useSettingsVersion({
    form,
    save,
    query: haproxySettingsQuery,
    current,
    valuesOf: () => form.getValues(),
  });
  const text = (name: 'service' | 'bind' | 'certificate_path', label: string, hint: string, optional = false) => (
    <TextField form={form} name={name} label={label} hint={hint} optional={optional} mono />
  );
  return (
    <FormDialog
      title="Publish a service"
      submit="Publish"
      pending={save.pending}
      onSubmit={form.handleSubmit((body) => save.run({ body: body as HaproxySettings, ...version.headers() }))}
      onClose={onClose}
    >
      {text('service', 'Service', 'Its specification says which of its ports is published.')}
      {text('bind', 'Listen on', 'address:port, or *:port for all addresses of the load balancer.')}
      <div className="grid grid-cols-2 gap-3">
        <SelectField form={form} name="mode" label="Carries" options={MODES} />
        <SelectField form={form} name="balance" label="Balance" options={BALANCE} />
      </div>
      {text(
        'certificate_path',
        'Certificate on the load balancer',
        'PEM with certificate and key: TLS ends there.',
        true,
      )}
      <SaveProblem
        error={save.error}
        fields={['service', 'bind', 'mode', 'balance', 'certificate_path']}
        onLoad={() => {
          save.reset();
          version.loadCurrent();
        }}
      />
    </FormDialog>
  );
}
