'use client';

import { type Service, type ServiceSpec, serviceRoutes } from '@quorate/shared/services';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { toast } from 'sonner';
import { ProblemNotice } from '@/components/problem-notice';
import { SaveProblem } from '@/components/save-problem';
import { ErrorState } from '@/components/states';
import { Button } from '@/components/ui/button';
import { Dialog } from '@/components/ui/dialog';
import { SkeletonRows } from '@/components/ui/skeleton';
import { useBodyForm } from '@/lib/body-form';
import { serviceQuery } from '@/lib/queries';
import type { Versioned } from '@/lib/settings-version';
import { useWrite } from '@/lib/use-write';
import { SpecFields } from './spec-fields';
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
    <Dialog
      open
      width="wide"
      onOpenChange={(open) => !open && onClose()}
      title="New service"
      description="A program that keeps running, in as many replicas as you say, spread over the runners."
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button variant="primary" type="submit" form="service-form" pending={create.pending}>
            Run service
          </Button>
        </>
      }
    >
      <form id="service-form" className="space-y-4" onSubmit={form.handleSubmit((body) => create.run({ body }))}>
        <SpecFields form={form} creating />
        <ProblemNotice error={create.error} fields={SPEC_FIELDS} fieldOf={specField} />
      </form>
    </Dialog>
  );
}

interface EditServiceDialogProps {
  name: string;
  /** Filled in instead of what it is now: an earlier revision. */
  spec?: ServiceSpec | undefined;
  onClose: () => void;
}

/** Edits what a service is, from the version that is shown when it opens. */
export function EditServiceDialog({ name, spec, onClose }: EditServiceDialogProps) {
  const { data, error, refetch } = useQuery(serviceQuery(name));
  // What the form began with: later versions come in while it is open.
  const [base, setBase] = useState<Versioned<Service>>();
  const client = useQueryClient();
  if (!base && data) setBase(data);
  if (base) {
    const reload = async () => setBase(await client.fetchQuery({ ...serviceQuery(name), staleTime: 0 }));
    return <EditForm key={base.etag} base={base} spec={spec} onReload={() => void reload()} onClose={onClose} />;
  }
  return (
    <Dialog open width="wide" onOpenChange={(open) => !open && onClose()} title={`Edit ${name}`}>
      {error ? <ErrorState error={error} onRetry={() => void refetch()} /> : <SkeletonRows rows={5} />}
    </Dialog>
  );
}

interface EditFormProps {
  base: Versioned<Service>;
  spec: ServiceSpec | undefined;
  onReload: () => void;
  onClose: () => void;
}

function EditForm({ base: { settings: service, etag }, spec, onReload, onClose }: EditFormProps) {
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
    defaults: valuesOfService(service),
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
  const headers = etag === null ? {} : { headers: { 'If-Match': etag } };
  return (
    <Dialog
      open
      width="wide"
      onOpenChange={(open) => !open && onClose()}
      title={`Edit ${name}`}
      description="What you change is rolled out replica by replica. If the new ones do not become healthy, it is rolled back."
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button
            variant="primary"
            type="submit"
            form="service-form"
            pending={update.pending}
            disabled={!form.formState.isDirty}
          >
            Roll out
          </Button>
        </>
      }
    >
      <form
        id="service-form"
        className="space-y-4"
        onSubmit={form.handleSubmit((body) => update.run({ params: { name }, body, ...headers }))}
      >
        <SpecFields form={form} creating={false} />
        {update.error?.code === 'precondition_failed' ? (
          <SaveProblem error={update.error} fields={[]} onLoad={onReload} />
        ) : (
          <ProblemNotice error={update.error} fields={SPEC_FIELDS} fieldOf={specField} />
        )}
      </form>
    </Dialog>
  );
}
