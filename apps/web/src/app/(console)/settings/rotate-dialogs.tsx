'use client';

import { keyRoutes } from '@quorate/shared/keys';
import { useQuery } from '@tanstack/react-query';
import { toast } from 'sonner';
import { Command } from '@/components/code';
import { ConfirmDialog } from '@/components/confirm-dialog';
import { ProblemNotice } from '@/components/problem-notice';
import { Button } from '@/components/ui/button';
import { Dialog } from '@/components/ui/dialog';
import { clusterQuery } from '@/lib/queries';
import { useWrite } from '@/lib/use-write';

interface Props {
  onClose: () => void;
}

/** The key that signs sessions: sessions go on, or all end. */
export function RotateSessionKeyDialog({ onClose }: Props) {
  const rotate = useWrite(keyRoutes.rotateSessionKey, {
    refresh: ['keys', 'me'],
    onSuccess: () => {
      toast.success('Sessions are signed with a new key');
      onClose();
    },
  });
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title="Rotate the session key"
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button
            variant="danger"
            pending={rotate.pending}
            onClick={() => rotate.run({ body: { end_sessions: true } })}
          >
            Rotate and end all sessions
          </Button>
          <Button variant="primary" pending={rotate.pending} onClick={() => rotate.run({ body: {} })}>
            Rotate
          </Button>
        </>
      }
    >
      <div className="space-y-4">
        <p className="text-ink-2">
          New sessions are signed with a new key. Those of the old one go on until they expire, within 12 hours, unless
          you end them: then everybody signs in again, you too.
        </p>
        <Command text="quorate cluster keys rotate session" what="command" />
        <ProblemNotice error={rotate.error} />
      </div>
    </Dialog>
  );
}

/** The key that protects the secrets of the state. */
export function RotateClusterKeyDialog({ onClose }: Props) {
  const rotate = useWrite(keyRoutes.rotateClusterKey, {
    refresh: ['keys'],
    onSuccess: () => {
      toast.success('Every secret is under a new cluster key');
      onClose();
    },
  });
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title="Rotate the cluster key"
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button variant="primary" pending={rotate.pending} onClick={() => rotate.run({})}>
            Rotate
          </Button>
        </>
      }
    >
      <div className="space-y-4">
        <p className="text-ink-2">
          Every secret of the state is encrypted under a new key, at once. A member that is down gets it when it is
          back; a removed one never does.
        </p>
        <Command text="quorate cluster keys rotate cluster-key" what="command" />
        <ProblemNotice error={rotate.error} />
      </div>
    </Dialog>
  );
}

/** The CA, and with it every certificate. */
export function RotateCaDialog({ onClose }: Props) {
  const cluster = useQuery(clusterQuery);
  const rotate = useWrite(keyRoutes.rotateCa, {
    refresh: ['keys', 'cluster', 'join-tokens'],
    onSuccess: () => {
      toast.success('The CA is being replaced');
      onClose();
    },
  });
  return (
    <ConfirmDialog
      open
      onClose={onClose}
      title="Replace the CA"
      phrase={cluster.data?.name ?? ''}
      waiting={!cluster.data}
      action="Replace the CA"
      pending={rotate.pending}
      error={rotate.error}
      onConfirm={() => rotate.run({ body: {} })}
    >
      <div className="space-y-3 text-ink-2">
        <p>
          Every member gets a certificate of a new CA; then nobody trusts the old one any more. Each etcd restarts
          twice, one after the other, the leader last. It goes on by itself, also after restarts.
        </p>
        <ul className="list-disc space-y-1 pl-5">
          <li>The cluster key is rotated first.</li>
          <li>Join tokens from before are revoked, and no node can join meanwhile.</li>
          <li>Where nodes serve TLS, it waits until you say that load balancers and clients trust the new CA.</li>
        </ul>
        <Command text="quorate cluster keys rotate ca" what="command" />
      </div>
    </ConfirmDialog>
  );
}
