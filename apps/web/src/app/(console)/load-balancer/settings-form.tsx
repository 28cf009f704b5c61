'use client';

import { HAPROXY_VERSIONS, type HaproxySettings, haproxyRoutes } from '@quorate/shared/haproxy';
import { toast } from 'sonner';
import { SelectField, TextField } from '@/components/form-fields';
import { SaveProblem } from '@/components/save-problem';
import { Button } from '@/components/ui/button';
import { WriteButton } from '@/components/write-button';
import { useBodyForm } from '@/lib/body-form';
import { haproxySettingsQuery } from '@/lib/queries';
import { useSettingsVersion, type Versioned } from '@/lib/settings-version';
import { useWrite } from '@/lib/use-write';
import { type SettingsValues, settingsBody, settingsValues } from './settings-body';

const TLS = [
  { value: 'passthrough', label: 'Pass TLS through to the nodes' },
  { value: 'terminate', label: 'End TLS at HAProxy' },
  { value: 'plain', label: 'Plain HTTP' },
] as const;
const BALANCE = [
  { value: 'leastconn', label: 'Least connections' },
  { value: 'roundrobin', label: 'Round robin' },
  { value: 'source', label: 'By source address' },
  { value: 'first', label: 'First with room' },
  { value: 'random', label: 'Random' },
] as const;
const VERSIONS = HAPROXY_VERSIONS.map((version) => ({ value: version, label: `HAProxy ${version}` }));

interface SettingsField {
  name: keyof SettingsValues;
  label: string;
  hint?: string;
  optional?: boolean;
  mono?: boolean;
  numeric?: boolean;
  half?: boolean;
}

const LISTEN: readonly SettingsField[] = [
  { name: 'bind', label: 'Listen on', mono: true, hint: 'address:port, or *:port for all addresses.' },
  { name: 'redirect_http_bind', label: 'Redirect HTTP from', optional: true, mono: true },
];
const CERTIFICATE: SettingsField = {
  name: 'certificate_path',
  label: 'Certificate on the load balancer',
  mono: true,
  hint: 'PEM with certificate and key.',
};
const CA: SettingsField = {
  name: 'ca_path',
  label: 'CA file on the load balancer',
  mono: true,
  hint: 'Verifies the nodes when they serve TLS.',
};
const TUNING: readonly SettingsField[] = [
  { name: 'check_interval_ms', label: 'Check every (ms)', numeric: true, half: true },
  { name: 'check_rise', label: 'Up after checks', numeric: true, half: true },
  { name: 'check_fall', label: 'Down after checks', numeric: true, half: true },
  { name: 'max_connections', label: 'Max connections', numeric: true, half: true },
  { name: 'stream_timeout_seconds', label: 'Cut idle streams after (s)', numeric: true },
  { name: 'stats_bind', label: 'Statistics page on', optional: true, mono: true },
  { name: 'prometheus_bind', label: 'Prometheus metrics on', optional: true, mono: true },
  {
    name: 'runtime_socket',
    label: 'Runtime API on',
    optional: true,
    mono: true,
    hint: 'A socket through which servers change without a reload.',
  },
  {
    name: 'run_as',
    label: 'Run as user',
    optional: true,
    mono: true,
    hint: 'Empty when HAProxy is not started by root.',
  },
];
const FIELDS: readonly string[] = [
  ...[...LISTEN, CERTIFICATE, CA, ...TUNING].map((field) => field.name),
  'version',
  'tls',
  'balance',
];

export function SettingsForm({ current }: { current: Versioned<HaproxySettings> }) {
  const save = useWrite(haproxyRoutes.putSettings, {
    refresh: ['haproxy'],
    onSuccess: () => {
      version.loadCurrent();
      toast.success('Settings saved', { description: 'The configuration is made anew.' });
    },
  });
  const form = useBodyForm({
    schema: haproxyRoutes.putSettings.body,
    defaults: settingsValues(current.settings),
    toBody: (values: SettingsValues) => ({ ...settingsBody(values), services: current.settings.services }),
    error: save.error,
  });
  const { isDirty } = form.formState;
  const version = useSettingsVersion({ form, save, query: haproxySettingsQuery, current, valuesOf: settingsValues });

  const text = ({ name, half, ...field }: SettingsField) => (
    <TextField key={name} form={form} name={name} {...field} fieldClass={half ? '' : 'col-span-2'} />
  );
  const select = (
    name: 'version' | 'tls' | 'balance',
    label: string,
    options: readonly { value: string; label: string }[],
  ) => (
    <SelectField
      form={form}
      name={name}
      label={label}
      options={options}
      fieldClass={name === 'tls' ? 'col-span-2' : ''}
    />
  );
  const submit = form.handleSubmit((body) => save.run({ body: body as HaproxySettings, ...version.headers() }));
  return (
    <form className="grid grid-cols-2 gap-3" onSubmit={submit} noValidate>
      {select('version', 'For version', VERSIONS)}
      {select('balance', 'Balance', BALANCE)}
      {select('tls', 'TLS', TLS)}
      {form.watch('tls') === 'terminate' ? text(CERTIFICATE) : null}
      {LISTEN.map(text)}
      {form.watch('tls') === 'plain' ? null : text(CA)}
      {TUNING.map(text)}
      <div className="col-span-2 space-y-3">
        <SaveProblem error={save.error} fields={FIELDS} onLoad={version.loadCurrent} />
        <div className="flex justify-end gap-2">
          {isDirty ? <Button onClick={() => form.reset(settingsValues(current.settings))}>Discard</Button> : null}
          <WriteButton needs="operator" variant="primary" type="submit" pending={save.pending} disabled={!isDirty}>
            Save settings
          </WriteButton>
        </div>
      </div>
    </form>
  );
}
