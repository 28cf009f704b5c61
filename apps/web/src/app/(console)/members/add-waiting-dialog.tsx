'use client';

import { pairingRoutes } from '@quorate/shared/pairing';
import { toast } from 'sonner';
import { Command } from '@/components/code';
import { TextField } from '@/components/form-fields';
import { ProblemNotice } from '@/components/problem-notice';
import { Button } from '@/components/ui/button';
import { Dialog } from '@/components/ui/dialog';
import { useBodyForm } from '@/lib/body-form';
import { useWrite } from '@/lib/use-write';

interface Values {
  address: string;
  pairing_code: string;
}
const FORM = 'add-waiting-form';

/** Adds a node that runs already and waits, by its address and its code. */
export function AddWaitingDialog({ onClose }: { onClose: () => void }) {
  const add = useWrite(pairingRoutes.add, {
    refresh: ['cluster', 'joins', 'haproxy'],
    onSuccess: (member) => {
      toast.success(`${member.name} was added as node ${member.id}`, {
        description: 'It becomes a voter by itself when it has caught up.',
      });
      onClose();
    },
  });
  const form = useBodyForm({
    schema: pairingRoutes.add.body,
    defaults: { address: '', pairing_code: '' },
    toBody: (values: Values) => ({ address: values.address.trim(), pairing_code: values.pairing_code }),
    error: add.error,
  });
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title="Add a waiting node"
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button variant="primary" type="submit" form={FORM} pending={add.pending}>
            Add node
          </Button>
        </>
      }
    >
      <form id={FORM} className="space-y-4" onSubmit={form.handleSubmit((body) => add.run({ body }))}>
        <p className="text-ink-2">
          A node that was started and not set up waits to be added. Its log names the address and the code; this shows
          the code on its host:
        </p>
        <Command text="quorate agent pairing-code" what="the command" />
        <TextField
          form={form}
          name="address"
          label="Cluster address"
          hint="host:port, such as 10.0.0.2:7000"
          className="font-mono"
        />
        <TextField
          form={form}
          name="pairing_code"
          label="Pairing code"
          hint="20 letters and digits"
          className="font-mono uppercase"
        />
        <ProblemNotice error={add.error} />
      </form>
    </Dialog>
  );
}
