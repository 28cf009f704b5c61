'use client';

import { useQuery } from '@tanstack/react-query';
import { CloudOff, Radio, RefreshCw } from 'lucide-react';
import { formatSpan } from '@/lib/format';
import { useStreaming } from '@/lib/live';
import { clusterQuery } from '@/lib/queries';
import { useNow } from '@/lib/use-now';
import { Badge } from '../ui/badge';

const STALE_AFTER_SECONDS = 15;

/** Whether what is on the screen is current, and by which way it is kept so. */
export function LiveBadge() {
  useNow();
  const streaming = useStreaming();
  const { dataUpdatedAt, isError } = useQuery(clusterQuery);
  const ageSeconds = (Date.now() - dataUpdatedAt) / 1000;
  if (dataUpdatedAt > 0 && (isError || ageSeconds > STALE_AFTER_SECONDS)) {
    return (
      <span role="status">
        <Badge tone="warn" icon={CloudOff}>
          Stale<span className="max-sm:sr-only"> · {formatSpan(ageSeconds)} old</span>
        </Badge>
      </span>
    );
  }
  return streaming ? (
    <Badge tone="ok" icon={Radio}>
      Live
    </Badge>
  ) : (
    <Badge tone="plain" icon={RefreshCw}>
      Polling
    </Badge>
  );
}
