'use client';

import type { Service } from '@quorate/shared/services';
import { Braces, ListTree, Pencil, RefreshCw, Scaling, Trash2 } from 'lucide-react';
import { Action, ActionsMenu } from '@/components/actions-menu';
import { useWriteBlock } from '@/lib/access';
import type { ServiceActions } from './service-actions';

/** Why the number of replicas cannot be set by hand, or null. */
export const scaleBlock = ({ autoscaling }: Service): string | null =>
  autoscaling?.enabled ? 'autoscaling decides; turn it off to scale by hand' : null;

export function ServiceMenu({ service, actions }: { service: Service; actions: ServiceActions }) {
  const block = useWriteBlock('operator');
  const blocked = block !== null;
  const { start } = actions;
  return (
    <ActionsMenu name={service.name} block={block}>
      <Action icon={ListTree} onSelect={() => actions.open(service)}>
        Show replicas
      </Action>
      <Action icon={Scaling} why={scaleBlock(service)} disabled={blocked} onSelect={() => start('scale', service)}>
        Scale…
      </Action>
      <Action icon={RefreshCw} disabled={blocked} onSelect={() => start('restart', service)}>
        Restart…
      </Action>
      <Action icon={Pencil} disabled={blocked} onSelect={() => start('edit', service)}>
        Edit and roll out…
      </Action>
      <Action icon={Braces} disabled={blocked} onSelect={() => start('edit-text', service)}>
        Edit as JSON…
      </Action>
      <Action icon={Trash2} disabled={blocked} onSelect={() => start('remove', service)}>
        Remove…
      </Action>
    </ActionsMenu>
  );
}
