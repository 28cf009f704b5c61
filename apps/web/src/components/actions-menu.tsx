'use client';

import { Ellipsis, type LucideIcon } from 'lucide-react';
import type { ReactNode } from 'react';
import { Button } from './ui/button';
import { Menu, MenuItem, MenuLabel, MenuLine } from './ui/menu';

/** The column of a list that holds the menus. */
export const ACTIONS = { head: 'Actions', quiet: true, right: true, className: 'w-10' } as const;

interface ActionsMenuProps {
  /** Whose actions they are. */
  name: string;
  /** Why nothing can be changed now, or null. */
  block?: string | null;
  children: ReactNode;
}

/** What can be done to one thing of a list. */
export function ActionsMenu({ name, block = null, children }: ActionsMenuProps) {
  return (
    <Menu
      trigger={
        <Button variant="ghost" size="icon" className="size-7" aria-label={`Actions for ${name}`}>
          <Ellipsis aria-hidden />
        </Button>
      }
    >
      {block === null ? null : (
        <>
          <MenuLabel>{block}</MenuLabel>
          <MenuLine />
        </>
      )}
      {children}
    </Menu>
  );
}

interface ActionProps {
  icon: LucideIcon;
  onSelect: () => void;
  disabled?: boolean;
  /** Why this one cannot be done, or null. */
  why?: string | null;
  children: ReactNode;
}

export function Action({ icon: Icon, onSelect, disabled = false, why = null, children }: ActionProps) {
  return (
    <MenuItem disabled={disabled || why !== null} onSelect={onSelect}>
      <Icon aria-hidden />
      <span>
        {children}
        {why === null ? null : <span className="block text-xs">{why}</span>}
      </span>
    </MenuItem>
  );
}
