'use client';

import { clusterRoutes, type Member } from '@quorate/shared/cluster';
import { useQuery } from '@tanstack/react-query';
import { toast } from 'sonner';
import { ProblemNotice } from '@/components/problem-notice';
import { Button } from '@/components/ui/button';
import { Dialog } from '@/components/ui/dialog';
import { formatMs } from '@/lib/format';
import { clusterQuery } from '@/lib/queries';
import { useWrite } from '@/lib/use-write';

/** Hands leadership to a member; voters and quorum stay as they are. */
export function LeadershipDialog({ member, onClose }: { member: Member; onClose: () => void }) {
  const cluster = useQuery(clusterQuery);
  const leader = cluster.data?.members.find((candidate) => candidate.leader);
  const transfer = useWrite(clusterRoutes.transferLeadership, {
    refresh: ['cluster'],
    onSuccess: (result) => {
      toast.success(`${member.name} leads now`, {
        description: `Term ${result.term}, after ${formatMs(result.duration_ms)}.`,
      });
      onClose();
    },
  });
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={`Make ${member.name} the leader`}
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button
            variant="primary"
            pending={transfer.pending}
            onClick={() => transfer.run({ body: { to: member.id } })}
          >
            Transfer leadership
          </Button>
        </>
      }
    >
      <div className="space-y-4">
        <p className="text-ink-2">
          {leader ? `${leader.name} hands over to ${member.name}. ` : ''}Voters and quorum stay as they are. Writes wait
          for the hand-over, usually for less than a second.
        </p>
        <ProblemNotice error={transfer.error} />
      </div>
    </Dialog>
  );
}
