'use client';

import { type JoinToken, joinTokenRoutes } from '@quorate/shared/join-tokens';
import { toast } from 'sonner';
import { ConfirmDialog } from '@/components/confirm-dialog';
import { useWrite } from '@/lib/use-write';

export function RevokeDialog({ token, onClose }: { token: JoinToken; onClose: () => void }) {
  const revoke = useWrite(joinTokenRoutes.revoke, {
    refresh: ['join-tokens'],
    onSuccess: () => {
      toast.success('The token was revoked');
      onClose();
    },
  });
  return (
    <ConfirmDialog
      open
      onClose={onClose}
      title="Revoke this join token"
      phrase={token.node_name ?? token.id.slice(0, 8)}
      action="Revoke token"
      pending={revoke.pending}
      error={revoke.error}
      onConfirm={() => revoke.run({ params: { id: token.id } })}
    >
      <p className="text-ink-2">
        Hosts that hold it can no longer join. Nodes that have joined with it stay.{' '}
        {token.max_uses - token.uses === 1 ? 'One use is' : `${token.max_uses - token.uses} uses are`} left.
      </p>
    </ConfirmDialog>
  );
}
