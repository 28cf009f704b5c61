'use client';

import type { Service } from '@quorate/shared/services';
import { Ellipsis, ListTree, Pencil, RefreshCw, Scaling, Trash2 } from 'lucide-react';
import { Button } from '@/components/ui/button';
import { Menu, MenuItem, MenuLabel, MenuLine } from '@/components/ui/menu';
import { useWriteBlock } from '@/lib/access';
import type { ServiceActions } from './service-actions';

/** Why the number of replicas cannot be set by hand, or null. */
export const scaleBlock = ({ autoscaling }: Service): string | null =>
  autoscaling?.enabled ? 'autoscaling decides; turn it off to scale by hand' : null;

export function ServiceMenu({ service, actions }: { service: Service; actions: ServiceActions }) {
  const block = useWriteBlock('operator');
  const cannotScale = scaleBlock(service);
  const { start } = actions;
  return (
    <Menu
      trigger={
        <Button variant="ghost" size="icon" className="size-7" aria-label={`Actions for ${service.name}`}>
          <Ellipsis aria-hidden />
        </Button>
      }
    >
      {block ? (
        <>
          <MenuLabel>{block}</MenuLabel>
          <MenuLine />
        </>
      ) : null}
      <MenuItem onSelect={() => actions.open(service)}>
        <ListTree aria-hidden />
        Show replicas
      </MenuItem>
      <MenuItem disabled={block !== null || cannotScale !== null} onSelect={() => start('scale', service)}>
        <Scaling aria-hidden />
        <span>
          Scale…
          {cannotScale && !block ? <span className="block text-xs">{cannotScale}</span> : null}
        </span>
      </MenuItem>
      <MenuItem disabled={block !== null} onSelect={() => start('restart', service)}>
        <RefreshCw aria-hidden />
        Restart…
      </MenuItem>
      <MenuItem disabled={block !== null} onSelect={() => start('edit', service)}>
        <Pencil aria-hidden />
        Edit and roll out…
      </MenuItem>
      <MenuItem disabled={block !== null} onSelect={() => start('remove', service)}>
        <Trash2 aria-hidden />
        Remove…
      </MenuItem>
    </Menu>
  );
}
