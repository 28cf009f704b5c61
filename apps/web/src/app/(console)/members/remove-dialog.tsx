'use client';

import { clusterRoutes, type Member } from '@quorate/shared/cluster';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { toast } from 'sonner';
import { ConfirmDialog } from '@/components/confirm-dialog';
import { ProblemNotice } from '@/components/problem-notice';
import { QuorumPreview } from '@/components/quorum-meter';
import { Notice } from '@/components/ui/notice';
import { Skeleton } from '@/components/ui/skeleton';
import { Switch } from '@/components/ui/switch';
import { toApiError } from '@/lib/errors';
import { asSentence } from '@/lib/format';
import { removalPreviewQuery } from '@/lib/queries';
import { useWrite } from '@/lib/use-write';

interface RemoveDialogProps {
  member: Member;
  onClose: () => void;
  /** Set when a replacement joins next: called once the member is gone. */
  onReplace?: ((member: Member) => void) | undefined;
}

/** Removes a member after showing what the quorum would be; what would break it cannot be confirmed. */
export function RemoveDialog({ member, onClose, onReplace }: RemoveDialogProps) {
  const [force, setForce] = useState(onReplace !== undefined && member.health !== 'healthy');
  const preview = useQuery({ ...removalPreviewQuery(member.id, force), refetchInterval: 5000 });
  const remove = useWrite(clusterRoutes.removeMember, {
    refresh: ['cluster', 'joins', 'haproxy'],
    onSuccess: () => {
      toast.success(`${member.name} was removed`);
      onClose();
      onReplace?.(member);
    },
  });
  const refusal = preview.data?.refusal;
  return (
    <ConfirmDialog
      open
      onClose={onClose}
      title={`${onReplace ? 'Replace' : 'Remove'} ${member.name}`}
      phrase={member.name}
      action={onReplace ? 'Remove it and go on' : 'Remove member'}
      pending={remove.pending}
      refused={preview.data?.allowed === false}
      waiting={!preview.data}
      error={remove.error}
      onConfirm={() => remove.run({ params: { id: member.id }, query: { force: force ? '1' : '0' } })}
    >
      <p className="text-ink-2">
        Its certificate stops being trusted and its connections are closed. Node id {member.id} is never used again; to
        come back it has to join anew.
      </p>
      {onReplace ? (
        <p className="text-ink-2">
          First this member is removed, so that no two nodes have its name and addresses. Then you get the command that
          lets the new host join in its place.
        </p>
      ) : null}
      {preview.isPending ? <Skeleton className="h-20" /> : null}
      {preview.error ? <ProblemNotice error={toApiError(preview.error)} /> : null}
      {preview.data ? <QuorumPreview before={preview.data.before} after={preview.data.after} /> : null}
      {refusal ? (
        <Notice tone="bad" title="This removal is refused" role="status">
          {asSentence(refusal.detail)} <span className="font-mono text-2xs">{refusal.code}</span>
        </Notice>
      ) : null}
      {(preview.data?.warnings ?? []).map((warning) => (
        <Notice key={warning} tone="warn">
          {asSentence(warning)}
        </Notice>
      ))}
      {member.health === 'healthy' ? null : (
        <Switch
          checked={force}
          onCheckedChange={setForce}
          label="Force: it is gone for good"
          hint="Do not wait for it to hand over: for a host that will not come back."
        />
      )}
    </ConfirmDialog>
  );
}
