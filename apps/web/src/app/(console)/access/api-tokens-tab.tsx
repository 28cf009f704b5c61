'use client';

import type { ApiToken } from '@quorate/shared/api-tokens';
import { useInfiniteQuery } from '@tanstack/react-query';
import { KeyRound, Plus } from 'lucide-react';
import { useState } from 'react';
import { ACTIONS } from '@/components/actions-menu';
import { DataTable } from '@/components/data-list';
import { ListStates } from '@/components/list-states';
import { EmptyState } from '@/components/states';
import { Time } from '@/components/time';
import { Panel } from '@/components/ui/panel';
import { WriteButton } from '@/components/write-button';
import { useListPollMs } from '@/lib/live';
import { apiTokensQuery } from '@/lib/queries';
import { CreateApiTokenDialog } from './create-api-token-dialog';
import { RevokeApiTokenDialog } from './revoke-api-token-dialog';
import { RoleBadge } from './role-badge';

export function ApiTokensTab() {
  const [creating, setCreating] = useState(false);
  const [revoking, setRevoking] = useState<ApiToken | null>(null);
  const tokens = useInfiniteQuery({ ...apiTokensQuery, refetchInterval: useListPollMs() });
  const items = tokens.data?.pages.flatMap((page) => page.items) ?? [];
  const add = (
    <WriteButton needs="admin" size="sm" variant="primary" onClick={() => setCreating(true)}>
      <Plus aria-hidden />
      Create a token
    </WriteButton>
  );
  return (
    <>
      <Panel title="API tokens" flush actions={add}>
        <ListStates
          query={tokens}
          count={items.length}
          rows={3}
          empty={
            <EmptyState icon={KeyRound} title="No API tokens" cli="quorate api-token create ci --role viewer">
              For scripts, monitoring and pipelines: a bearer token with a role of its own.
            </EmptyState>
          }
        >
          <DataTable
            label="API tokens"
            rows={items}
            keyOf={({ id }) => id}
            columns={[
              { head: 'Name', className: 'break-all font-medium', cell: ({ name }) => name },
              { head: 'Role', cell: ({ role }) => <RoleBadge role={role} /> },
              { head: 'Begins with', from: 'sm', className: 'font-mono text-xs', cell: ({ hint }) => `${hint}…` },
              {
                head: 'Created',
                from: 'sm',
                cell: (token) => (
                  <>
                    <Time at={token.created_at} />
                    <p className="text-ink-3 text-xs">by {token.created_by}</p>
                  </>
                ),
              },
              {
                head: 'Expires',
                from: 'sm',
                cell: ({ expires_at: at }) => (at ? <Time at={at} show="stacked" /> : 'never'),
              },
              {
                ...ACTIONS,
                className: 'w-20',
                cell: (token) => (
                  <WriteButton needs="admin" size="sm" onClick={() => setRevoking(token)}>
                    Revoke
                  </WriteButton>
                ),
              },
            ]}
          />
        </ListStates>
      </Panel>
      {creating ? <CreateApiTokenDialog onClose={() => setCreating(false)} /> : null}
      {revoking ? <RevokeApiTokenDialog token={revoking} onClose={() => setRevoking(null)} /> : null}
    </>
  );
}
