'use client';

import { parseAsStringLiteral, useQueryState } from 'nuqs';
import { Page } from '@/components/page';
import { Tabs } from '@/components/ui/tabs';
import { ApiTokensTab } from './api-tokens-tab';
import { UsersTab } from './users-tab';

const TABS = ['users', 'api-tokens'] as const;

export function AccessPage() {
  const [tab, setTab] = useQueryState('tab', parseAsStringLiteral(TABS).withDefault('users'));
  return (
    <Page
      title="Users and API tokens"
      description="Viewers read; operators run services and jobs, change the load balancer and read the audit; admins do everything."
    >
      <Tabs
        label="Access"
        value={tab}
        onValueChange={(value) => void setTab(value)}
        tabs={[
          { value: 'users', label: 'Users', content: <UsersTab /> },
          { value: 'api-tokens', label: 'API tokens', content: <ApiTokensTab /> },
        ]}
      />
    </Page>
  );
}
