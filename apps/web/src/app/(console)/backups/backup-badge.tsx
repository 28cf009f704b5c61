import type { Backup } from '@quorate/shared/backups';
import { CircleAlert, CircleCheck, Clock, LoaderCircle, Trash2, TriangleAlert } from 'lucide-react';
import { Badge } from '@/components/ui/badge';

/** Word, colour and icon for what a backup is now. */
export function BackupBadge({ backup }: { backup: Backup }) {
  const { state, verification } = backup;
  if (state === 'failed') {
    return (
      <Badge tone="bad" icon={CircleAlert}>
        Failed
      </Badge>
    );
  }
  if (state === 'queued') return <Badge icon={Clock}>Waiting</Badge>;
  if (state === 'deleting') return <Badge icon={Trash2}>Deleting</Badge>;
  if (state === 'running') {
    return (
      <Badge tone="info" icon={LoaderCircle}>
        {backup.stage} {backup.percent} %
      </Badge>
    );
  }
  if (verification.state === 'failed') {
    return (
      <Badge tone="bad" icon={TriangleAlert}>
        Damaged
      </Badge>
    );
  }
  return (
    <Badge tone="ok" icon={CircleCheck}>
      {verification.state === 'running' ? 'Verifying' : 'Good'}
    </Badge>
  );
}
