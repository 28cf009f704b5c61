'use client';

import { supportRoutes } from '@quorate/shared/support';
import { useQuery } from '@tanstack/react-query';
import { Download } from 'lucide-react';
import { Command } from '@/components/code';
import { buttonClass } from '@/components/ui/button';
import { Panel } from '@/components/ui/panel';
import { clusterQuery } from '@/lib/queries';

/** Downloads what somebody who helps needs to know of the node that answers. */
export function SupportSection() {
  const cluster = useQuery(clusterQuery);
  const self = cluster.data?.members.find((member) => member.self);
  return (
    <Panel
      title="Support bundle"
      actions={
        <a href={supportRoutes.bundle.path} download className={buttonClass('secondary', 'sm')}>
          <Download aria-hidden />
          Download
        </a>
      }
    >
      <div className="space-y-3">
        <p className="max-w-3xl text-ink-2">
          What somebody who helps needs to know of {self ? self.name : 'the node that answers'}: configuration with
          origins, versions, the cluster as it sees it, checks, the last events and changes, metrics and the end of its
          log. Keys, tokens and passwords are left out; names and addresses are not.
        </p>
        <Command text="quorate support-bundle --out bundle.tar.gz" what="command" />
      </div>
    </Panel>
  );
}
