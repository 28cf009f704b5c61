'use client';

import { type Connector, type ConnectorSettings, connectorRoutes } from '@quorate/shared/connector';
import { ROLES } from '@quorate/shared/route';
import { toast } from 'sonner';
import { SelectField, TextField } from '@/components/form-fields';
import { SaveProblem } from '@/components/save-problem';
import { Button } from '@/components/ui/button';
import { Panel } from '@/components/ui/panel';
import { Switch } from '@/components/ui/switch';
import { WriteButton } from '@/components/write-button';
import { useBodyForm } from '@/lib/body-form';
import { connectorQuery } from '@/lib/queries';
import { useSettingsVersion, type Versioned } from '@/lib/settings-version';
import { useWrite } from '@/lib/use-write';

const ROLE_OPTIONS = ROLES.map((role) => ({ value: role, label: role }));
const FIELDS = ['url', 'role', 'ca_cert'] as const;

/** Before anything was saved, nodes go by their configuration; the form then offers what is usual. */
const valuesOf = ({ settings, configured }: Connector): ConnectorSettings => ({
  ...settings,
  ha_enabled: configured ? settings.ha_enabled : true,
});

/** Where the upstream is and what it may do. */
export function SettingsPanel({ current }: { current: Versioned<Connector> }) {
  const save = useWrite(connectorRoutes.put, {
    refresh: ['connector'],
    onSuccess: () => {
      version.loadCurrent();
      toast.success('Settings saved', { description: 'The nodes follow at once.' });
    },
  });
  const form = useBodyForm({
    schema: connectorRoutes.put.body,
    defaults: valuesOf(current.settings),
    toBody: (values: ConnectorSettings) => ({ ...values, url: values.url.trim() }),
    error: save.error,
  });
  const { isDirty } = form.formState;
  const version = useSettingsVersion({ form, save, query: connectorQuery, current, valuesOf });
  const submit = form.handleSubmit((body) => save.run({ body: body as ConnectorSettings, ...version.headers() }));
  const toggle = (name: 'enabled' | 'ha_enabled') => ({
    checked: form.watch(name),
    onCheckedChange: (checked: boolean) => form.setValue(name, checked, { shouldDirty: true }),
  });
  return (
    <Panel title="Settings">
      <form className="space-y-4" onSubmit={submit} noValidate>
        <Switch {...toggle('enabled')} label="Enabled" hint="Off: no node connects, whatever it is configured to." />
        <TextField
          form={form}
          name="url"
          label="Upstream URL"
          optional
          hint="wss://…; empty: as connector.url of each node says."
          type="url"
          mono
          placeholder="wss://upstream.example.com/gateway"
        />
        <SelectField
          form={form}
          name="role"
          label="Role of the upstream"
          hint="What it may do when it calls the API over the connection. Its changes are in the audit."
          options={ROLE_OPTIONS}
        />
        <Switch
          {...toggle('ha_enabled')}
          label="Every core node may take over"
          hint="Off: only nodes whose configuration says connector.is_primary or connector.ha_enabled."
        />
        <TextField
          form={form}
          name="ca_cert"
          label="CA of the upstream"
          optional
          hint="PEM. Empty: the CAs that Node.js trusts."
          rows={3}
          className="font-mono text-2xs"
        />
        <SaveProblem error={save.error} fields={FIELDS} onLoad={version.loadCurrent} />
        <div className="flex justify-end gap-2">
          {isDirty ? <Button onClick={() => form.reset(valuesOf(current.settings))}>Discard</Button> : null}
          <WriteButton needs="admin" variant="primary" type="submit" pending={save.pending} disabled={!isDirty}>
            Save settings
          </WriteButton>
        </div>
      </form>
    </Panel>
  );
}
