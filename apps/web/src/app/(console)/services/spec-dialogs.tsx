'use client';

import { type Service, type ServiceSpec, serviceRoutes } from '@quorate/shared/services';
import { useEffect } from 'react';
import { toast } from 'sonner';
import { EditDialog, FormDialog } from '@/components/form-dialog';
import { ProblemNotice } from '@/components/problem-notice';
import { SaveProblem } from '@/components/save-problem';
import { useBodyForm } from '@/lib/body-form';
import { serviceQuery } from '@/lib/queries';
import { ifMatch, type Versioned } from '@/lib/settings-version';
import { useWrite } from '@/lib/use-write';
import { SpecEditor } from './spec-editor';
import {
  createBody,
  refuseSpecText,
  SPEC_DEFAULTS,
  SPEC_FIELDS,
  type SpecValues,
  specField,
  updateBody,
  valuesOfService,
} from './spec-form';
import { textOfSpec } from './spec-text';

const REFRESH = ['services', 'runners', 'haproxy'] as const;

export function CreateServiceDialog(props: { onClose: () => void; onCreated: (service: Service) => void }) {
  const { onClose, onCreated } = props;
  const create = useWrite(serviceRoutes.create, { refresh: REFRESH, onSuccess: onCreated });
  const form = useBodyForm({
    schema: serviceRoutes.create.body,
    defaults: SPEC_DEFAULTS,
    toBody: (values: SpecValues) => createBody(values),
    error: create.error,
    fieldOf: specField,
    refuse: refuseSpecText,
  });
  return (
    <FormDialog
      width="wide"
      title="New service"
      description="A program that keeps running, in as many replicas as you say, spread over the runners."
      submit="Run service"
      pending={create.pending}
      onSubmit={form.handleSubmit((body) => create.run({ body }))}
      onClose={onClose}
    >
      <SpecEditor form={form} creating error={create.error} />
      <ProblemNotice error={create.error} fields={SPEC_FIELDS} fieldOf={specField} />
    </FormDialog>
  );
}

interface EditServiceDialogProps {
  name: string;
  /** Filled in instead of what it is now: an earlier revision. */
  spec?: ServiceSpec | undefined;
  /** Begins with the specification as text. */
  asText?: boolean;
  onClose: () => void;
}

/** Edits what a service is, from the version that is shown when it opens. */
export function EditServiceDialog({ name, onClose, ...start }: EditServiceDialogProps) {
  return (
    <EditDialog title={`Edit ${name}`} query={serviceQuery(name)} onClose={onClose}>
      {(base, reload) => <EditForm base={base} {...start} onReload={reload} onClose={onClose} />}
    </EditDialog>
  );
}

interface EditFormProps extends Omit<EditServiceDialogProps, 'name'> {
  base: Versioned<Service>;
  onReload: () => void;
}

function EditForm({ base: { settings: service, etag }, spec, asText = false, onReload, onClose }: EditFormProps) {
  const { name } = service;
  const update = useWrite(serviceRoutes.update, {
    refresh: REFRESH,
    onSuccess: ({ revision }) => {
      toast.success(
        revision === service.revision ? `${name} stays as it was` : `Revision ${revision} of ${name} is rolled out`,
      );
      onClose();
    },
  });
  const form = useBodyForm({
    schema: serviceRoutes.update.body,
    defaults: { ...valuesOfService(service), text: asText ? textOfSpec(service.spec) : null },
    toBody: (values: SpecValues) => updateBody(values),
    error: update.error,
    fieldOf: specField,
    refuse: refuseSpecText,
  });
  const { reset } = form;
  // biome-ignore lint/correctness/useExhaustiveDependencies: what it begins with is filled in once.
  useEffect(() => {
    if (spec) reset(valuesOfService({ ...service, spec }), { keepDefaultValues: true });
  }, []);
  return (
    <FormDialog
      width="wide"
      title={`Edit ${name}`}
      description="What you change is rolled out replica by replica. If the new ones do not become healthy, it is rolled back."
      submit="Roll out"
      pending={update.pending}
      disabled={!form.formState.isDirty}
      onSubmit={form.handleSubmit((body) => update.run({ params: { name }, body, ...ifMatch(etag) }))}
      onClose={onClose}
    >
      <SpecEditor form={form} error={update.error} />
      <SaveProblem error={update.error} fields={SPEC_FIELDS} fieldOf={specField} onLoad={onReload} />
    </FormDialog>
  );
}
