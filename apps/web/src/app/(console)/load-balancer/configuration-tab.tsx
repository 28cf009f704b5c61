'use client';

import { useQuery } from '@tanstack/react-query';
import { Download } from 'lucide-react';
import { Command } from '@/components/code';
import { CopyButton } from '@/components/copy-button';
import { ErrorState } from '@/components/states';
import { Button } from '@/components/ui/button';
import { Panel } from '@/components/ui/panel';
import { SkeletonRows } from '@/components/ui/skeleton';
import { downloadText } from '@/lib/clipboard';
import { useListPollMs } from '@/lib/live';
import { haproxyConfigQuery, haproxySettingsQuery } from '@/lib/queries';
import { ConfigText } from './config-text';
import { SettingsForm } from './settings-form';

export function ConfigurationTab() {
  const settings = useQuery(haproxySettingsQuery);
  return (
    <div className="grid items-start gap-4 xl:grid-cols-[minmax(0,1fr)_26rem]">
      <div className="min-w-0 space-y-4">
        <CurrentConfiguration />
        <Panel title="Keep a load balancer up to date">
          <p className="mb-2 text-ink-2">
            On the load balancer's host: checks and installs each new configuration, changes servers without a reload
            where it can, and reports what it runs.
          </p>
          <Command
            text="quorate haproxy watch --out /etc/haproxy/haproxy.cfg --reload 'systemctl reload haproxy'"
            what="command"
          />
        </Panel>
      </div>
      <Panel title="Settings">
        {settings.isPending ? <SkeletonRows rows={6} /> : null}
        {settings.isError && !settings.data ? (
          <ErrorState error={settings.error} onRetry={() => void settings.refetch()} />
        ) : null}
        {settings.data ? <SettingsForm current={settings.data} /> : null}
      </Panel>
    </div>
  );
}

function CurrentConfiguration() {
  const config = useQuery({ ...haproxyConfigQuery, refetchInterval: useListPollMs() });
  const text = config.data?.text;
  const actions = text ? (
    <>
      {config.data?.etag ? (
        <span className="truncate font-mono text-2xs text-ink-3 max-sm:hidden" title="ETag">
          {config.data.etag.replaceAll('"', '').slice(0, 16)}
        </span>
      ) : null}
      <CopyButton text={text} what="configuration" labelled />
      <Button size="sm" onClick={() => downloadText('haproxy.cfg', text)}>
        <Download aria-hidden />
        Download
      </Button>
    </>
  ) : undefined;
  return (
    <Panel title="haproxy.cfg" flush actions={actions}>
      {config.isPending ? <SkeletonRows rows={8} /> : null}
      {config.isError && !text ? <ErrorState error={config.error} onRetry={() => void config.refetch()} /> : null}
      {text ? <ConfigText text={text} label="HAProxy configuration" className="max-h-[70vh]" /> : null}
    </Panel>
  );
}
