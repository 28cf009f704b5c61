'use client';

import { parseAsStringLiteral, useQueryState } from 'nuqs';
import { Page } from '@/components/page';
import { Tabs } from '@/components/ui/tabs';
import { BalancersTab } from './balancers-tab';
import { CheckTab } from './check-tab';
import { ConfigurationTab } from './configuration-tab';
import { RevisionsTab } from './revisions-tab';

const TABS = ['configuration', 'balancers', 'revisions', 'check'] as const;

export function LoadBalancer() {
  const [tab, setTab] = useQueryState('tab', parseAsStringLiteral(TABS).withDefault('configuration'));
  return (
    <Page
      title="Load balancer"
      description="The HAProxy configuration for the members and services as they are now. It follows every change."
    >
      <Tabs
        label="Load balancer"
        value={tab}
        onValueChange={(value) => void setTab(value)}
        tabs={[
          { value: 'configuration', label: 'Configuration', content: <ConfigurationTab /> },
          { value: 'balancers', label: 'Balancers and services', content: <BalancersTab /> },
          { value: 'revisions', label: 'Revisions', content: <RevisionsTab /> },
          { value: 'check', label: 'Check an older configuration', content: <CheckTab /> },
        ]}
      />
    </Page>
  );
}
