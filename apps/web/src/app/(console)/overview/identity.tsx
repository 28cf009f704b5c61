import type { Cluster } from '@quorate/shared/cluster';
import { Command } from '@/components/code';
import { CopyButton } from '@/components/copy-button';
import { Time } from '@/components/time';
import { Facts, Panel } from '@/components/ui/panel';

/** What somebody on another host needs to know this cluster by, and the same view from a shell. */
export function Identity({ cluster }: { cluster: Cluster }) {
  const self = cluster.members.find((member) => member.self);
  return (
    <Panel title="Identity">
      <Facts
        items={[
          { label: 'Cluster id', value: cluster.id, mono: true },
          { label: 'Log epoch', value: cluster.epoch },
          { label: 'Node started', value: <Time at={cluster.started_at} /> },
          { label: 'Cluster address', value: self?.cluster_address ?? '–', mono: true },
          {
            label: 'CA fingerprint',
            value: (
              <span className="flex items-start gap-1">
                <span className="min-w-0 break-all">{cluster.ca_fingerprint}</span>
                <CopyButton text={cluster.ca_fingerprint} what="CA fingerprint" className="-mt-1" />
              </span>
            ),
            mono: true,
          },
        ]}
      />
      <p className="mt-3 mb-1 text-ink-3 text-xs">The same from a shell</p>
      <Command text="quorate status --watch" what="command" />
    </Panel>
  );
}
