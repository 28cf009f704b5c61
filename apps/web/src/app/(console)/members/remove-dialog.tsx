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

/** Removes a member after showing what the quorum would be; what would break it cannot be confirmed. */
export function RemoveDialog({ member, onClose }: { member: Member; onClose: () => void }) {
  const [force, setForce] = useState(false);
  const preview = useQuery({ ...removalPreviewQuery(member.id, force), refetchInterval: 5000 });
  const remove = useWrite(clusterRoutes.removeMember, {
    refresh: ['cluster', 'joins', 'haproxy'],
    onSuccess: () => {
      toast.success(`${member.name} was removed`);
      onClose();
    },
  });
  const refusal = preview.data?.refusal;
  return (
    <ConfirmDialog
      open
      onClose={onClose}
      title={`Remove ${member.name}`}
      phrase={member.name}
      action="Remove member"
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
          label="It is gone for good"
          hint="Do not wait for it to hand over: for a host that will not come back."
        />
      )}
    </ConfirmDialog>
  );
}
