'use client';

import { type ApiToken, apiTokenRoutes } from '@quorate/shared/api-tokens';
import { toast } from 'sonner';
import { ConfirmDialog } from '@/components/confirm-dialog';
import { useWrite } from '@/lib/use-write';

export function RevokeApiTokenDialog({ token, onClose }: { token: ApiToken; onClose: () => void }) {
  const revoke = useWrite(apiTokenRoutes.remove, {
    refresh: ['api-tokens'],
    onSuccess: () => {
      toast.success(`${token.name} was revoked`);
      onClose();
    },
  });
  return (
    <ConfirmDialog
      open
      onClose={onClose}
      title={`Revoke ${token.name}`}
      phrase={token.name}
      action="Revoke token"
      pending={revoke.pending}
      error={revoke.error}
      onConfirm={() => revoke.run({ params: { id: token.id } })}
    >
      <p className="text-ink-2">Whatever uses it is refused from now on, on every node.</p>
    </ConfirmDialog>
  );
}
