'use client';

import { useQuery } from '@tanstack/react-query';
import { ShieldAlert } from 'lucide-react';
import { clusterQuery } from '@/lib/queries';

/** Over every page while the quorum is lost: what works, what does not, what to do. */
export function QuorumBanner() {
  const cluster = useQuery(clusterQuery);
  const quorum = cluster.data?.quorum;
  if (!quorum || quorum.held) return null;
  return (
    <div role="status" className="flex items-start gap-2.5 border-warn/35 border-b bg-warn-soft px-4 py-2.5 lg:px-6">
      <ShieldAlert aria-hidden className="mt-0.5 size-4 shrink-0 text-warn" />
      <p className="text-ink">
        <strong className="font-semibold">Read-only: no quorum.</strong> {quorum.healthy} of {quorum.voters} voters
        answer and {quorum.needed} are needed. What you see is this node's last known state. {quorum.advice}
      </p>
    </div>
  );
}
