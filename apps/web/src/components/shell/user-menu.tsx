'use client';

import { sessionRoutes } from '@quorate/shared/session';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { CircleUser, KeyRound, LogOut } from 'lucide-react';
import { useState } from 'react';
import { toast } from 'sonner';
import { meQuery } from '@/lib/queries';
import { useWrite } from '@/lib/use-write';
import { Button } from '../ui/button';
import { Menu, MenuItem, MenuLabel, MenuLine } from '../ui/menu';
import { OwnPasswordDialog } from './own-password-dialog';

export function UserMenu() {
  const me = useQuery(meQuery);
  const client = useQueryClient();
  const [changing, setChanging] = useState(false);
  const signOut = useWrite(sessionRoutes.remove, {
    onSuccess: () => {
      client.clear();
      window.location.assign('/sign-in');
    },
    onError: (error) => toast.error('Not signed out', { description: error.message }),
  });
  return (
    <>
      <Menu
        trigger={
          <Button variant="ghost" size="icon" aria-label={`Account: ${me.data?.name ?? ''}`}>
            <CircleUser aria-hidden />
          </Button>
        }
      >
        <MenuLabel>
          <span className="font-medium text-ink text-sm">{me.data?.name}</span>
          <br />
          Role {me.data?.role}
        </MenuLabel>
        <MenuLine />
        {me.data?.kind === 'user' ? (
          <MenuItem onSelect={() => setChanging(true)}>
            <KeyRound aria-hidden />
            Change password
          </MenuItem>
        ) : null}
        <MenuItem onSelect={() => signOut.run({})}>
          <LogOut aria-hidden />
          Sign out
        </MenuItem>
      </Menu>
      {changing ? <OwnPasswordDialog onClose={() => setChanging(false)} /> : null}
    </>
  );
}
