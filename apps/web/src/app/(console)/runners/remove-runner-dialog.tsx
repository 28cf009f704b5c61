'use client';

import { type Runner, runnerRoutes } from '@quorate/shared/runners';
import { toast } from 'sonner';
import { ConfirmDialog } from '@/components/confirm-dialog';
import { Notice } from '@/components/ui/notice';
import { plural } from '@/lib/format';
import { useWrite } from '@/lib/use-write';
import { workOf } from './filter';

export function RemoveRunnerDialog({ runner, onClose }: { runner: Runner; onClose: () => void }) {
  const remove = useWrite(runnerRoutes.remove, {
    refresh: ['runners', 'jobs'],
    onSuccess: () => {
      toast.success(`${runner.name} was removed`);
      onClose();
    },
  });
  const { jobs, replicas } = runner;
  const work = [jobs > 0 ? plural(jobs, 'job') : '', replicas > 0 ? plural(replicas, 'replica') : ''].filter(Boolean);
  return (
    <ConfirmDialog
      open
      onClose={onClose}
      title={`Remove ${runner.name}`}
      phrase={runner.name}
      action="Remove runner"
      pending={remove.pending}
      error={remove.error}
      onConfirm={() => remove.run({ params: { id: runner.id } })}
    >
      <p className="text-ink-2">
        Its key opens nothing any more and its connections are closed. To come back it has to join anew, with a new
        token.
      </p>
      {workOf(runner) > 0 ? (
        <Notice tone="warn">
          It has {work.join(' and ')} now. Replicas move to other runners; a job is tried again elsewhere as far as its
          attempts allow. Drain it first to let its jobs finish.
        </Notice>
      ) : null}
    </ConfirmDialog>
  );
}
