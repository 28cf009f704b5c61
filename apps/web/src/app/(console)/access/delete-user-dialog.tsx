'use client';

import { type User, userRoutes } from '@quorate/shared/users';
import { toast } from 'sonner';
import { ConfirmDialog } from '@/components/confirm-dialog';
import { useWrite } from '@/lib/use-write';

export function DeleteUserDialog({ user, onClose }: { user: User; onClose: () => void }) {
  const remove = useWrite(userRoutes.remove, {
    refresh: ['users'],
    onSuccess: () => {
      toast.success(`${user.username} was deleted`);
      onClose();
    },
  });
  return (
    <ConfirmDialog
      open
      onClose={onClose}
      title={`Delete ${user.username}`}
      phrase={user.username}
      action="Delete user"
      pending={remove.pending}
      error={remove.error}
      onConfirm={() => remove.run({ params: { id: user.id } })}
    >
      <p className="text-ink-2">The user's sessions end on every node. What the user did stays in the audit.</p>
    </ConfirmDialog>
  );
}
