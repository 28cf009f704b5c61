'use client';

import { HAPROXY_VERSIONS, haproxyRoutes, haproxyVersion } from '@quorate/shared/haproxy';
import { FileCheck2, FileUp } from 'lucide-react';
import { useRef } from 'react';
import { SelectField, TextField } from '@/components/form-fields';
import { ProblemNotice } from '@/components/problem-notice';
import { EmptyState } from '@/components/states';
import { Button } from '@/components/ui/button';
import { Panel } from '@/components/ui/panel';
import { useBodyForm } from '@/lib/body-form';
import { useWrite } from '@/lib/use-write';
import { CheckResult } from './check-result';

const VERSIONS = HAPROXY_VERSIONS.map((version) => ({ value: version, label: `HAProxy ${version}` }));

interface Values {
  config: string;
  version: string;
}

/** Paste what an older HAProxy ran with; see what a newer one says to each line. */
export function CheckTab() {
  const file = useRef<HTMLInputElement>(null);
  const check = useWrite(haproxyRoutes.check);
  const form = useBodyForm({
    schema: haproxyRoutes.check.body,
    defaults: { config: '', version: '2.6' },
    toBody: (values: Values) => values,
    error: check.error,
  });
  const submit = form.handleSubmit(({ config, version }) =>
    check.run({ body: { config, version: haproxyVersion.parse(version) } }),
  );
  return (
    <div className="grid items-start gap-4 xl:grid-cols-2">
      <Panel title="Your configuration">
        <form className="space-y-3" onSubmit={submit}>
          <TextField
            form={form}
            name="config"
            label="Configuration"
            hint="It is sent to this node only, and not stored."
            rows={18}
            wrap="off"
            className="resize-y font-mono text-xs leading-5"
            placeholder={'global\n    nbproc 4\n\nfrontend web\n    bind :80\n    reqadd X-Forwarded-Proto:\\ http'}
          />
          <div className="flex flex-wrap items-end gap-2">
            <SelectField form={form} name="version" label="Should run on" fieldClass="w-40" options={VERSIONS} />
            <Button onClick={() => file.current?.click()}>
              <FileUp aria-hidden />
              Open a file
            </Button>
            <input
              ref={file}
              type="file"
              hidden
              onChange={async (event) => {
                const chosen = event.target.files?.[0];
                if (chosen) form.setValue('config', await chosen.text(), { shouldValidate: true });
                event.target.value = '';
              }}
            />
            <Button variant="primary" type="submit" className="ml-auto" pending={check.pending}>
              <FileCheck2 aria-hidden />
              Check
            </Button>
          </div>
          <ProblemNotice error={check.error} fields={['config', 'version']} />
        </form>
      </Panel>
      {check.data ? (
        <CheckResult result={check.data} />
      ) : (
        <Panel title="Findings">
          <EmptyState
            icon={FileCheck2}
            title="Nothing checked yet"
            cli="quorate haproxy check old-haproxy.cfg --for 2.6"
          >
            Paste or open a configuration: each line that the chosen version dropped or changed is named, with what to
            write instead.
          </EmptyState>
        </Panel>
      )}
    </div>
  );
}
