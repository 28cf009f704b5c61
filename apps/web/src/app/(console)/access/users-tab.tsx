'use client';

import type { User } from '@quorate/shared/users';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { Ellipsis, Pencil, Plus, Trash2 } from 'lucide-react';
import { useState } from 'react';
import { MoreButton } from '@/components/more-button';
import { ErrorState } from '@/components/states';
import { Time } from '@/components/time';
import { Button } from '@/components/ui/button';
import { Menu, MenuItem } from '@/components/ui/menu';
import { Panel } from '@/components/ui/panel';
import { SkeletonRows } from '@/components/ui/skeleton';
import { Table, Td, Th, Tr } from '@/components/ui/table';
import { WriteButton } from '@/components/write-button';
import { useWriteBlock } from '@/lib/access';
import { useListPollMs } from '@/lib/live';
import { meQuery, usersQuery } from '@/lib/queries';
import { CreateUserDialog } from './create-user-dialog';
import { DeleteUserDialog } from './delete-user-dialog';
import { EditUserDialog } from './edit-user-dialog';
import { RoleBadge } from './role-badge';

type Open = { kind: 'create' } | { kind: 'edit' | 'delete'; user: User } | null;

export function UsersTab() {
  const [open, setOpen] = useState<Open>(null);
  const me = useQuery(meQuery);
  const users = useInfiniteQuery({ ...usersQuery, refetchInterval: useListPollMs() });
  const items = users.data?.pages.flatMap((page) => page.items) ?? [];
  const close = () => setOpen(null);
  const add = (
    <WriteButton needs="admin" size="sm" variant="primary" onClick={() => setOpen({ kind: 'create' })}>
      <Plus aria-hidden />
      Add a user
    </WriteButton>
  );
  return (
    <>
      <Panel title="Users" flush actions={add}>
        {users.isPending ? <SkeletonRows rows={3} /> : null}
        {users.isError && !users.data ? <ErrorState error={users.error} onRetry={() => void users.refetch()} /> : null}
        {items.length > 0 ? (
          <Table label="Users">
            <thead>
              <tr>
                <Th>User</Th>
                <Th>Role</Th>
                <Th className="max-sm:hidden">Changed</Th>
                <Th className="max-sm:hidden">Created</Th>
                <Th>
                  <span className="sr-only">Actions</span>
                </Th>
              </tr>
            </thead>
            <tbody>
              {items.map((user) => (
                <Tr key={user.id}>
                  <Td className="font-medium">
                    <span className="break-all">{user.username}</span>
                    {me.data?.id === user.id ? <span className="font-normal text-ink-3"> · you</span> : null}
                  </Td>
                  <Td>
                    <RoleBadge role={user.role} />
                  </Td>
                  <Td className="max-sm:hidden">
                    <Time at={user.updated_at} />
                  </Td>
                  <Td className="max-sm:hidden">
                    <Time at={user.created_at} show="stacked" />
                  </Td>
                  <Td className="w-10 text-right">
                    <UserMenu user={user} onOpen={setOpen} />
                  </Td>
                </Tr>
              ))}
            </tbody>
          </Table>
        ) : null}
        <MoreButton query={users} />
      </Panel>
      {open?.kind === 'create' ? <CreateUserDialog onClose={close} /> : null}
      {open?.kind === 'edit' ? <EditUserDialog user={open.user} onClose={close} /> : null}
      {open?.kind === 'delete' ? <DeleteUserDialog user={open.user} onClose={close} /> : null}
    </>
  );
}

function UserMenu({ user, onOpen }: { user: User; onOpen: (open: Open) => void }) {
  const block = useWriteBlock('admin');
  return (
    <Menu
      trigger={
        <Button variant="ghost" size="icon" className="size-7" aria-label={`Actions for ${user.username}`}>
          <Ellipsis aria-hidden />
        </Button>
      }
    >
      <MenuItem disabled={block !== null} onSelect={() => onOpen({ kind: 'edit', user })}>
        <Pencil aria-hidden />
        Change role or password…
      </MenuItem>
      <MenuItem disabled={block !== null} onSelect={() => onOpen({ kind: 'delete', user })}>
        <Trash2 aria-hidden />
        Delete…
      </MenuItem>
    </Menu>
  );
}
