'use client';

import type { User } from '@quorate/shared/users';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { Pencil, Plus, Trash2 } from 'lucide-react';
import { useState } from 'react';
import { ACTIONS, Action, ActionsMenu } from '@/components/actions-menu';
import { DataTable } from '@/components/data-list';
import { ListStates } from '@/components/list-states';
import { Time } from '@/components/time';
import { Panel } from '@/components/ui/panel';
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
        <ListStates query={users} count={items.length} rows={3}>
          <DataTable
            label="Users"
            rows={items}
            keyOf={({ id }) => id}
            columns={[
              {
                head: 'User',
                className: 'font-medium',
                cell: (user) => (
                  <>
                    <span className="break-all">{user.username}</span>
                    {me.data?.id === user.id ? <span className="font-normal text-ink-3"> · you</span> : null}
                  </>
                ),
              },
              { head: 'Role', cell: ({ role }) => <RoleBadge role={role} /> },
              { head: 'Changed', from: 'sm', cell: (user) => <Time at={user.updated_at} /> },
              { head: 'Created', from: 'sm', cell: (user) => <Time at={user.created_at} show="stacked" /> },
              { ...ACTIONS, cell: (user) => <UserMenu user={user} onOpen={setOpen} /> },
            ]}
          />
        </ListStates>
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
    <ActionsMenu name={user.username} block={block}>
      <Action icon={Pencil} disabled={block !== null} onSelect={() => onOpen({ kind: 'edit', user })}>
        Change role or password…
      </Action>
      <Action icon={Trash2} disabled={block !== null} onSelect={() => onOpen({ kind: 'delete', user })}>
        Delete…
      </Action>
    </ActionsMenu>
  );
}
