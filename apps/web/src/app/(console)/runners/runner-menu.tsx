'use client';

import { type Runner, runnerRoutes } from '@quorate/shared/runners';
import { CirclePause, CirclePlay, Ellipsis, ListTree, Trash2 } from 'lucide-react';
import { toast } from 'sonner';
import { Button } from '@/components/ui/button';
import { Menu, MenuItem, MenuLabel, MenuLine } from '@/components/ui/menu';
import { useWriteBlock } from '@/lib/access';
import { asSentence } from '@/lib/format';
import { useWrite } from '@/lib/use-write';
import type { RunnerActions } from './runner-list';

export function RunnerMenu({ runner, actions }: { runner: Runner; actions: RunnerActions }) {
  const block = useWriteBlock('operator');
  const removeBlock = useWriteBlock('admin');
  const toggle = useDrain(runner);
  const embedded = runner.node_id !== null;
  return (
    <Menu
      trigger={
        <Button variant="ghost" size="icon" className="size-7" aria-label={`Actions for ${runner.name}`}>
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
      <MenuItem onSelect={() => actions.open(runner)}>
        <ListTree aria-hidden />
        Show what it runs
      </MenuItem>
      <MenuItem disabled={block !== null} onSelect={toggle}>
        {runner.drained ? <CirclePlay aria-hidden /> : <CirclePause aria-hidden />}
        {runner.drained ? 'Give it work again' : 'Drain'}
      </MenuItem>
      <MenuItem disabled={removeBlock !== null || embedded} onSelect={() => actions.remove(runner)}>
        <Trash2 aria-hidden />
        <span>
          Remove…
          {embedded ? (
            <span className="block text-xs">part of node {runner.node_id}: set workers.enabled: false there</span>
          ) : removeBlock && !block ? (
            <span className="block text-xs">{removeBlock}</span>
          ) : null}
        </span>
      </MenuItem>
    </Menu>
  );
}

/** Takes the runner out of service or puts it back; can be undone, so it asks nothing. */
function useDrain(runner: Runner): () => void {
  const options = (done: string) => ({
    refresh: ['runners'] as const,
    onSuccess: () => void toast.success(`${runner.name} ${done}`),
    onError: (error: Error) =>
      void toast.error(`${runner.name} stays as it was, or its state is unknown`, {
        description: asSentence(error.message),
      }),
  });
  const drain = useWrite(runnerRoutes.drain, options('gets no new work: its jobs finish, its replicas move away'));
  const resume = useWrite(runnerRoutes.resume, options('gets work again'));
  return () => (runner.drained ? resume : drain).run({ params: { id: runner.id } });
}
