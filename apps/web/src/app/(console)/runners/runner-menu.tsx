'use client';

import { type Runner, runnerRoutes } from '@quorate/shared/runners';
import { CirclePause, CirclePlay, ListTree, Trash2 } from 'lucide-react';
import { toast } from 'sonner';
import { Action, ActionsMenu } from '@/components/actions-menu';
import { useWriteBlock } from '@/lib/access';
import { asSentence } from '@/lib/format';
import { useWrite } from '@/lib/use-write';
import type { RunnerActions } from './runner-list';

export function RunnerMenu({ runner, actions }: { runner: Runner; actions: RunnerActions }) {
  const block = useWriteBlock('operator');
  const removeBlock = useWriteBlock('admin');
  const toggle = useDrain(runner);
  const cannotRemove =
    runner.node_id === null
      ? block === null
        ? removeBlock
        : null
      : `part of node ${runner.node_id}: set workers.enabled: false there`;
  return (
    <ActionsMenu name={runner.name} block={block}>
      <Action icon={ListTree} onSelect={() => actions.open(runner)}>
        Show what it runs
      </Action>
      <Action icon={runner.drained ? CirclePlay : CirclePause} disabled={block !== null} onSelect={toggle}>
        {runner.drained ? 'Give it work again' : 'Drain'}
      </Action>
      <Action icon={Trash2} why={cannotRemove} disabled={block !== null} onSelect={() => actions.remove(runner)}>
        Remove…
      </Action>
    </ActionsMenu>
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
