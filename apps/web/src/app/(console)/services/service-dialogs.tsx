'use client';

import { MAX_REPLICAS, type Service, serviceRoutes } from '@quorate/shared/services';
import { toast } from 'sonner';
import { ConfirmDialog } from '@/components/confirm-dialog';
import { FormDialog } from '@/components/form-dialog';
import { TextField } from '@/components/form-fields';
import { ProblemNotice } from '@/components/problem-notice';
import { Button } from '@/components/ui/button';
import { Dialog } from '@/components/ui/dialog';
import { Notice } from '@/components/ui/notice';
import { useBodyForm } from '@/lib/body-form';
import { plural } from '@/lib/format';
import { useWrite } from '@/lib/use-write';

const REFRESH = ['services', 'runners', 'haproxy'] as const;
const countOf = (text: string): number => (text.trim() === '' ? Number.NaN : Number(text));

/** Sets how many replicas run: of one service, or of all of them. */
export function ScaleDialog({ service, onClose }: { service: Service | null; onClose: () => void }) {
  const done = (text: string) => {
    toast.success(text);
    onClose();
  };
  const one = useWrite(serviceRoutes.scale, {
    refresh: REFRESH,
    onSuccess: ({ name, replicas }) => done(`${name} is to have ${plural(replicas.desired, 'replica')}`),
  });
  const all = useWrite(serviceRoutes.scaleAll, {
    refresh: REFRESH,
    onSuccess: ({ services }, { body }) =>
      done(`${plural(services.length, 'service')} scaled to ${body?.replicas ?? 0} each`),
  });
  const write = service ? one : all;
  const form = useBodyForm({
    schema: serviceRoutes.scale.body,
    defaults: { replicas: String(service?.replicas.desired ?? 1) },
    toBody: (values: { replicas: string }) => ({ replicas: countOf(values.replicas) }),
    error: write.error,
  });
  const submit = form.handleSubmit((body) =>
    service ? one.run({ params: { name: service.name }, body }) : all.run({ body }),
  );
  return (
    <FormDialog
      title={service ? `Scale ${service.name}` : 'Scale all services'}
      submit="Scale"
      pending={write.pending}
      onSubmit={submit}
      onClose={onClose}
    >
      <TextField
        form={form}
        name="replicas"
        label={service ? 'Replicas' : 'Replicas of each service'}
        hint={`0 to ${MAX_REPLICAS}. What finds no room on a runner waits, and says why.`}
        numeric
        className="w-32"
      />
      {service ? null : (
        <Notice tone="info">
          If one of them scales itself, nothing is changed: turn its autoscaling off first, or scale the others one by
          one.
        </Notice>
      )}
      <ProblemNotice error={write.error} fields={['replicas']} />
    </FormDialog>
  );
}

/** Restarts one service, or all of them, rolling. */
export function RestartDialog({ service, onClose }: { service: Service | null; onClose: () => void }) {
  const restart = useWrite(serviceRoutes.restart, {
    refresh: REFRESH,
    onSuccess: ({ services }) => {
      toast.success(service ? `${service.name} restarts` : `${plural(services.length, 'service')} restart`);
      onClose();
    },
  });
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={service ? `Restart ${service.name}` : 'Restart all services'}
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button
            variant="primary"
            pending={restart.pending}
            onClick={() => restart.run({ body: { services: service ? [service.name] : [] } })}
          >
            Restart
          </Button>
        </>
      }
    >
      <div className="space-y-4">
        <p className="text-ink-2">
          Replicas are replaced by new ones a few at a time
          {service ? `: at most ${service.spec.max_unavailable} of them away at once` : ', as each service allows'}. The
          next goes only when the last is healthy.
        </p>
        <ProblemNotice error={restart.error} />
      </div>
    </Dialog>
  );
}

export function RemoveServiceDialog(props: { service: Service; onClose: () => void; onRemoved: () => void }) {
  const { service, onClose, onRemoved } = props;
  const remove = useWrite(serviceRoutes.remove, {
    refresh: REFRESH,
    onSuccess: () => {
      toast.success(`${service.name} is stopped and forgotten`);
      onRemoved();
    },
  });
  return (
    <ConfirmDialog
      open
      onClose={onClose}
      title={`Remove ${service.name}`}
      phrase={service.name}
      action="Remove service"
      pending={remove.pending}
      error={remove.error}
      onConfirm={() => remove.run({ params: { name: service.name } })}
    >
      <p className="text-ink-2">
        Its {plural(service.instances.length, 'replica')} stop, its revisions and decisions are forgotten
        {service.spec.publish ? ', and the load balancer sends it no more traffic' : ''}. To stop it and keep it, scale
        it to 0.
      </p>
    </ConfirmDialog>
  );
}
